// The commands `convfirst data ...`.
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_data_pack(const Command& command, const Arguments& arguments);
int run_data_verify(const Command& command, const Arguments& arguments);
int run_data_info(const Command& command, const Arguments& arguments);
int run_data_preview(const Command& command, const Arguments& arguments);
int run_data_extract(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

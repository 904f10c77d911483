// `convfirst data info`, `convfirst data preview` and `convfirst data extract`.
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_data_info(const Command& command, const Arguments& arguments);
int run_data_preview(const Command& command, const Arguments& arguments);
int run_data_extract(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

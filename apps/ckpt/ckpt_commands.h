// convfirst ckpt info | verify | export | import
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_ckpt_info(const Command& command, const Arguments& arguments);
int run_ckpt_verify(const Command& command, const Arguments& arguments);
int run_ckpt_export(const Command& command, const Arguments& arguments);
int run_ckpt_import(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

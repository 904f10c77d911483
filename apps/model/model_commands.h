// convfirst model list | info
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_model_list(const Command& command, const Arguments& arguments);
int run_model_info(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

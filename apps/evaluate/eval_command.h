// convfirst eval
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_eval(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

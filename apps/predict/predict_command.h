// convfirst predict
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_predict(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

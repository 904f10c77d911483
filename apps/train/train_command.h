// convfirst train
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_train(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

// `convfirst doctor`: what this machine offers to the program, what is wrong and what to do.
#pragma once

#include "apps/command.h"

namespace cf::apps {

// Exit code 0 unless the program cannot run here.
int run_doctor(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

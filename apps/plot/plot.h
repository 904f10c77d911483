// `convfirst plot RUN`: the report of a run as HTML, its curves as SVG.
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_plot(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

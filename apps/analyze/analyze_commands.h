// `convfirst analyze waterline|gap|block`: where the time of a network goes, held against what a device could
// do. docs/analysis.md has the formulas.
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_analyze_waterline(const Command& command, const Arguments& arguments);
int run_analyze_gap(const Command& command, const Arguments& arguments);
int run_analyze_block(const Command& command, const Arguments& arguments);

}  // namespace cf::apps

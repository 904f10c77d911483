// Where an axis has its ticks.
#pragma once

#include <vector>

namespace cf::apps {

// Round numbers, about `count` of them, whose first and last enclose [least, most].
std::vector<double> axis_ticks(double least, double most, int count);

// Powers of ten, or 1, 2 and 5 times those where there are few of them, whose first and last enclose
// [least, most]; both positive.
std::vector<double> log_ticks(double least, double most);

}  // namespace cf::apps

// Which cases a benchmark runs.
#pragma once

#include <string_view>
#include <vector>

#include "apps/bench/block_benchmark.h"
#include "kernels/base/case.h"

namespace cf::apps {

// Whether every word of `pattern` is in the case's name: one with a '=' as a whole word ("C=64" is not
// "C=640"), another anywhere ("conv/forward").
bool name_matches(std::string_view name, std::string_view pattern);

// The kernel cases in the shapes of real networks, or with `all` the tests' small ones too, whose names
// match.
std::vector<kernels::Case> select_cases(std::string_view pattern, bool all);

// The whole blocks whose names match.
std::vector<BlockCase> select_blocks(std::string_view pattern);

}  // namespace cf::apps

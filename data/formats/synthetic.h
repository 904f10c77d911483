// Images made of nothing but a formula: for tests, for benchmarks, and to see that training learns.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"

namespace cf::data {

// `options` is a list key=value,... of classes (10), size (32), channels (3), samples (1000). Every class has
// its own coarse pattern of coloured squares; a sample is that pattern under noise. The splits differ in the
// noise. Sample i has class i mod classes. Unknown keys and values out of range are Usage errors.
std::unique_ptr<Dataset> open_synthetic(const std::string& options, Split split, int channels);

}  // namespace cf::data

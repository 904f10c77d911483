// Contents for large tensors of a benchmark: drawing every value would take the host longer than all the
// measurements take the device.
#pragma once

#include <span>

#include "framework/runtime/executor.h"

namespace cf::apps {

// Fills a flat tensor of any type with `values`, rounded to that type and repeated to its end.
void fill_repeating(Executor& executor, std::span<const double> values, const Tensor& into);

// A tensor of standard normal values, of which the first 2^18 repeat. Random, because the power that
// arithmetic draws, and with it a GPU's clock, depends on the values.
Tensor normal_tensor(Executor& executor, DType type, const Shape& shape);

}  // namespace cf::apps

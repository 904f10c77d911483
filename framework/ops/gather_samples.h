// Stochastic depth: which samples a branch runs on, and the branch's input.
#pragma once

#include "framework/autograd/variable.h"

namespace cf {

// How many of the samples a branch keeps: round(samples (1 - drop_probability)), at least one.
std::int64_t kept_samples(std::int64_t samples, float drop_probability);

// The indices (int64 [N], ascending) of the samples that the next branch of this pass keeps: drawn without
// replacement from (seed, draw, place in the network). Empty where all are kept: in evaluation, or where the
// rounding drops none.
Tensor draw_kept_samples(Pass& pass, std::int64_t samples, float drop_probability);

// x at the samples `kept`; x itself where kept is empty.
Variable gather_samples(Pass& pass, const Variable& x, const Tensor& kept);

}  // namespace cf

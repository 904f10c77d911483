// The second half of batch norm backward at place Cuda, for kernels that take its sums on their way.
#pragma once

#include "kernels/batch_norm/batch_norm.h"

namespace cf::kernels::detail {

// partial: [2, parts, C] of dh = dy activation'(norm(x)) and of dh (x - mean), added in order. The workspace
// holds 3 C floats.
template <class T>
void batch_norm_backward_from_sums(Cuda, const BatchNormBackward<T>&, const float* partial,
                                   std::int64_t parts);

// The same without its last pass, from which dx = scale dh + slope (x - mean) + offset would come: the
// gradients of the parameters, and these coefficients [C] in the workspace.
struct BatchNormCoefficients {
  float *scale, *slope, *offset;
};
template <class T>
BatchNormCoefficients batch_norm_coefficients_from_sums(Cuda, const BatchNormBackward<T>&,
                                                        const float* partial, std::int64_t parts);

}  // namespace cf::kernels::detail

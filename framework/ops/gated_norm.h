// Batch norm, activation and squeeze-and-excitation in a row, as an MBConv block has them behind its
// convolution, for ops that contain them; the contracts are kernels/gated_norm and kernels/gated_linear.
#pragma once

#include "framework/ops/batch_norm.h"
#include "framework/ops/squeeze_excite.h"

namespace cf {

// What backward needs. The gates are [N,C], [N,D] and [N,C].
struct GatedNorm {
  NormedTensor normed;
  Tensor pooled, squeezed, gate;
  SqueezeExciteState squeeze_excite;
  kernels::Activation activation = kernels::Activation::None;
};
GatedNorm gated_norm_gates(Pass& pass, const Tensor& x, const BatchNormState& norm,
                           const SqueezeExciteState& squeeze_excite, kernels::Activation activation);
Tensor gated_norm_apply(Pass& pass, const GatedNorm& gated);
// From the gradient dy of a 1x1 convolution behind it that of x; those of the parameters go to their buckets,
// but for that of the convolution's weight [K,C].
Tensor gated_linear_backward(Pass& pass, const GatedNorm& gated, const Parameter& weight, const Tensor& dy);

}  // namespace cf

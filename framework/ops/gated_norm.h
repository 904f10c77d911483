// Batch norm, activation and squeeze-and-excitation in a row, as an MBConv block has them behind its
// convolution; the contract is kernels/gated_norm.
#pragma once

#include "framework/ops/batch_norm.h"
#include "framework/ops/squeeze_excite.h"

namespace cf {

// se(activation(norm(x))) over [N,H,W,C]; statistics as batch_norm takes and collects them.
Variable gated_norm(Pass& pass, const Variable& x, const BatchNormState& norm,
                    const SqueezeExciteState& squeeze_excite, kernels::Activation activation);

// For ops that contain it: what backward needs. The gates are [N,C], [N,D] and [N,C].
struct GatedNorm {
  NormedTensor normed;
  Tensor pooled, squeezed, gate;
  SqueezeExciteState squeeze_excite;
  kernels::Activation activation = kernels::Activation::None;
};
GatedNorm gated_norm_gates(Pass& pass, const Tensor& x, const BatchNormState& norm,
                           const SqueezeExciteState& squeeze_excite, kernels::Activation activation);
Tensor gated_norm_apply(Pass& pass, const GatedNorm& gated);
// The parameters' gradients go to their buckets; returns that of x. dy is overwritten where nobody else holds
// it.
Tensor gated_norm_backward(Pass& pass, const GatedNorm& gated, Tensor dy);

}  // namespace cf

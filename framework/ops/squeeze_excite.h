// Squeeze-and-excitation; the contract is kernels/squeeze_excite.
#pragma once

#include "framework/autograd/variable.h"
#include "framework/parameters/parameter.h"

namespace cf {

struct SqueezeExciteState {
  Parameter* reduce_weight = nullptr;  // [K=D,C]
  Parameter* reduce_bias = nullptr;    // [K=D]
  Parameter* expand_weight = nullptr;  // [K=C,C=D]
  Parameter* expand_bias = nullptr;    // [K=C]
};

Variable squeeze_excite(Pass& pass, const Variable& x, const SqueezeExciteState& state);

// For ops that contain it: x beside what backward needs, [N,C] and [N,D]. Backward: the parameters' gradients
// go to their buckets; returns that of x. dy is overwritten where nobody else holds it.
struct GatedTensor {
  Tensor x, pooled, squeezed, gate;
};
Tensor squeeze_excite_forward(Pass& pass, GatedTensor& gated, const Tensor& x,
                              const SqueezeExciteState& state);
Tensor squeeze_excite_backward(Pass& pass, const GatedTensor& gated, const SqueezeExciteState& state,
                               Tensor dy);

}  // namespace cf

// What stands behind the convolution of an MBConv block, with the 1x1 convolution at its end.
#pragma once

#include "framework/ops/batch_norm.h"
#include "framework/ops/squeeze_excite.h"

namespace cf {

// se(activation(norm(u))) weight' over [N,H,W,C]; weight [K,C], without bias. Statistics as batch_norm takes
// and collects them.
Variable gated_linear(Pass& pass, const Variable& u, const BatchNormState& norm,
                      const SqueezeExciteState& squeeze_excite, kernels::Activation activation,
                      Parameter& weight);

}  // namespace cf

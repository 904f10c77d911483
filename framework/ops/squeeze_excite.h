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

}  // namespace cf

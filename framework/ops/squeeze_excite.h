// The parameters of squeeze-and-excitation, for the ops that contain it (gated_norm.h, inference.h); the
// contract is kernels/squeeze_excite.
#pragma once

#include "framework/parameters/parameter.h"

namespace cf {

struct SqueezeExciteState {
  Parameter* reduce_weight = nullptr;  // [K=D,C]
  Parameter* reduce_bias = nullptr;    // [K=D]
  Parameter* expand_weight = nullptr;  // [K=C,C=D]
  Parameter* expand_bias = nullptr;    // [K=C]
};

}  // namespace cf

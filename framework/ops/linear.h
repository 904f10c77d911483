// y = x weight' + bias over the last axis: a linear layer on [N,C], a 1x1 convolution on [N,H,W,C].
#pragma once

#include "framework/autograd/variable.h"
#include "framework/parameters/parameter.h"

namespace cf {

// weight [K,C]; bias [K] or null.
Variable linear(Pass& pass, const Variable& x, Parameter& weight, Parameter* bias = nullptr);

}  // namespace cf

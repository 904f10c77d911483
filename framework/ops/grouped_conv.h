// Grouped 3x3 convolution of width 8; the contract is kernels/grouped_conv.
#pragma once

#include "framework/autograd/variable.h"
#include "framework/parameters/parameter.h"

namespace cf {

// x [N,H,W,C], weight [K=C,R=3,S=3,C=8].
Variable grouped_conv(Pass& pass, const Variable& x, Parameter& weight);

}  // namespace cf

// Convolution over non-overlapping patches; the contract is kernels/patch_conv.
#pragma once

#include "framework/autograd/variable.h"
#include "framework/parameters/parameter.h"

namespace cf {

// x [N,H,W,C], weight [K,R,S,C] with R = S = stride; returns [N,floor(H/R),floor(W/S),K] as [N,H,W,C]. An
// image smaller than one patch is a Usage error.
Variable patch_conv(Pass& pass, const Variable& x, Parameter& weight);

}  // namespace cf

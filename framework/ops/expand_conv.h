// The first half of an MBConv block's branch in training,
//
//   conv(relu(expand_norm(expand x)))
//
// without the expanded layer in front of the norm, and with nothing as wide as it saved for backward. The
// norm takes the statistics of the batch, exactly: from the mean and covariance of x
// (kernels/fold_expand_norm). Saved is x about centred; the layer behind the ReLU is written once in forward
// and once more in backward.
#pragma once

#include <string>

#include "framework/ops/batch_norm.h"
#include "framework/runtime/executor.h"

namespace cf {

// Why a place cannot run it on so many channels in `dtype`; empty where it can.
std::string why_no_expand_conv(PlaceKind place, DType dtype, std::int64_t channels);

// x [N,H,W,C], expand [K=E,C], conv [K=E,R=3,S=3,C=8]; the result is [N,H,W,C=E]. Training only.
Variable expand_conv(Pass& pass, const Variable& x, Parameter& expand, const BatchNormState& expand_norm,
                     Parameter& conv);

}  // namespace cf

// The branch of an MBConv block in training, without its last norm:
//
//   project(se(relu(conv_norm(conv(relu(expand_norm(expand x)))))))
//
// in two ops that save x and the convolution's output, and compute what lies behind them again in backward:
// expand_conv (expand_conv.h), and the rest.
#pragma once

#include <string>

#include "framework/ops/batch_norm.h"
#include "framework/ops/squeeze_excite.h"
#include "framework/runtime/executor.h"

namespace cf {

struct MBConvBranch {
  Parameter& expand;  // [K=E,C]
  BatchNormState expand_norm;
  Parameter& conv;  // [K=E,R=3,S=3,C=8]
  BatchNormState conv_norm;
  SqueezeExciteState squeeze_excite;
  Parameter& project;  // [K=C,C=E]
};

// Why a place cannot run a branch of so many channels in `dtype`; empty where it can.
std::string why_no_mbconv_branch(PlaceKind place, DType dtype, std::int64_t channels);

// x [N,H,W,C]; the pass must be one of training.
Variable mbconv_branch(Pass& pass, const Variable& x, const MBConvBranch& branch);

}  // namespace cf

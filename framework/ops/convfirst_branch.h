// The branch of a ConvFirst block in training, without its last norm, as fused passes that write nothing as
// wide as the hidden layer:
//
//   project relu(expand_norm(expand conv_norm(conv(x))))
//
// Both norms take the statistics of the batch, exactly: from the mean and covariance of the convolution's
// output (kernels/fold_batch_norms). Saved for backward are x and that output.
#pragma once

#include <cstdint>
#include <string>

#include "framework/ops/batch_norm.h"
#include "framework/runtime/executor.h"

namespace cf {

struct ConvFirstBranch {
  Parameter& conv;  // [K=C,R=3,S=3,C=8]
  BatchNormState conv_norm;
  Parameter& expand;  // [K=E,C]
  BatchNormState expand_norm;
  Parameter& project;  // [K=C,C=E]
};

// Why a place cannot run a branch of so many channels in `dtype`; empty where it can.
std::string why_no_convfirst_branch(PlaceKind place, DType dtype, std::int64_t channels);

struct ConvFirstResult {
  Variable branch;
  BatchMoments moments;  // of the branch, for its last norm
};

// Of x [N,H,W,C] at the samples `kept` (int64 [N], empty for all); the pass must be one of training.
ConvFirstResult convfirst_branch(Pass& pass, const Variable& x, const Tensor& kept,
                                 const ConvFirstBranch& branch);

}  // namespace cf

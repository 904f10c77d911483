// Batch normalisation, followed by an activation or by the sum of a residual block; the contract is
// kernels/batch_norm.
#pragma once

#include "framework/autograd/variable.h"
#include "framework/parameters/parameter.h"
#include "kernels/activation/activation.h"

namespace cf {

// The parameters [C] and running statistics [C] of one norm.
struct BatchNormState {
  Parameter& weight;  // gamma
  Parameter& bias;
  Statistic& running_mean;
  Statistic& running_variance;
};

// activation(norm(x)) over [N,H,W,C] or [N,C]. Training: statistics of the batch, which are collected towards
// the running ones; otherwise the running ones.
Variable batch_norm(Pass& pass, const Variable& x, BatchNormState state,
                    kernels::Activation activation = kernels::Activation::None);

// Mean and biased variance [C] of a batch, from whoever wrote it; empty: the norm takes them itself.
struct BatchMoments {
  Tensor mean, variance;
};

// residual + factor norm(branch) at the samples `kept` (int64 [N], empty for all), as a pending sum: neither
// the norm nor the addition is carried out here. factor = N / kept.
Variable norm_and_add(Pass& pass, const Variable& residual, const Variable& branch, BatchNormState state,
                      const Tensor& kept, const BatchMoments& moments = {});

// For ops that contain a norm: x beside what norming does to it, scale x + shift.
struct NormedTensor {
  Tensor x;
  Tensor mean, rstd;    // [C], of the batch; training only
  Tensor scale, shift;  // [C]
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;
};
// Statistics as batch_norm takes and collects them.
NormedTensor batch_norm_fold(Pass& pass, const Tensor& x, const BatchNormState& state,
                             const BatchMoments& moments = {});
Tensor batch_norm_apply(Pass& pass, const NormedTensor& normed, kernels::Activation activation);
// From the gradient of activation(norm(x)) to that of x; those of weight and bias go to their buckets. dy is
// overwritten where nobody else holds it.
Tensor batch_norm_backward(Pass& pass, const NormedTensor& normed, Tensor dy, kernels::Activation activation);

// For kernels that collect by themselves: whether to add to the statistics that the step has collected (1) or
// to overwrite them (0). This call's will be there.
float collects(const BatchNormState& state);

// A micro-batch's mean and biased variance [channels], of `count` values each, towards what the running
// statistics move by.
void collect_statistics(Pass& pass, const BatchNormState& state, const Tensor& mean, const Tensor& variance,
                        std::int64_t count);

}  // namespace cf

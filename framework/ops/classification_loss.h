// The mean loss of a batch of logits; the contract is kernels/cross_entropy.
#pragma once

#include "framework/autograd/variable.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace cf {

// Either labels (int64 [N]) or soft targets ([N,K] of the wide type) are given.
struct Target {
  Tensor labels;
  Tensor soft_targets;
  float smoothing = 0;
};

// logits [N,K], returned loss: one element [I=1]. Where `sample_loss` is not null it gets the loss of each
// sample [N].
Variable classification_loss(Pass& pass, const Variable& logits, kernels::LossKind kind, const Target& target,
                             Tensor* sample_loss = nullptr);

}  // namespace cf

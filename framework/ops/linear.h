// y = x weight' + bias over the last axis: a linear layer on [N,C], a 1x1 convolution on [N,H,W,C].
#pragma once

#include "framework/ops/batch_norm.h"

namespace cf {

// weight [K,C]; bias [K] or null.
Variable linear(Pass& pass, const Variable& x, Parameter& weight, Parameter* bias = nullptr);

// For ops that contain the layer. `moments`, if not null: the statistics of y for the norm behind it where
// they cost less at the store than in a pass of their own; otherwise left as they are.
Tensor linear_forward(Pass& pass, const Tensor& x, const Parameter& weight, const Parameter* bias = nullptr,
                      BatchMoments* moments = nullptr);
// From the gradient dy of its output, those of weight and bias go to their buckets; returns that of x, or
// nothing unless wanted. `so_far`, if not empty: that of x so far, to which it is added.
Tensor linear_backward(Pass& pass, const Tensor& x, Parameter& weight, Parameter* bias, const Tensor& dy,
                       bool wants_dx, const Tensor& so_far = {});
// That of x alone.
Tensor linear_backward_input(Pass& pass, const Parameter& weight, const Tensor& dy,
                             const Tensor& so_far = {});

}  // namespace cf

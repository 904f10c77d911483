// y = x weight' + bias over the last axis: a linear layer on [N,C], a 1x1 convolution on [N,H,W,C].
#pragma once

#include "framework/autograd/variable.h"
#include "framework/parameters/parameter.h"

namespace cf {

// weight [K,C]; bias [K] or null.
Variable linear(Pass& pass, const Variable& x, Parameter& weight, Parameter* bias = nullptr);

// For ops that contain the layer. Backward: from the gradient dy of its output, those of weight and bias go
// to their buckets; returns that of x, or nothing unless wanted.
Tensor linear_forward(Pass& pass, const Tensor& x, const Parameter& weight, const Parameter* bias = nullptr);
Tensor linear_backward(Pass& pass, const Tensor& x, Parameter& weight, Parameter* bias, const Tensor& dy,
                       bool wants_dx);

}  // namespace cf

// Grouped 3x3 convolution of width 8; the contract is kernels/grouped_conv.
#pragma once

#include "framework/ops/batch_norm.h"

namespace cf {

// x [N,H,W,C], weight [K=C,R=3,S=3,C=8].
Variable grouped_conv(Pass& pass, const Variable& x, Parameter& weight);

// conv(activation(norm(h))) of h = x expand', a linear layer [E,C] without bias, as an MBConv block begins.
// Keeps x and h alone: neither the normed h nor the activated one. Statistics as batch_norm takes and
// collects them.
Variable linear_normed_conv(Pass& pass, const Variable& x, Parameter& expand, const BatchNormState& norm,
                            kernels::Activation activation, Parameter& weight);

// For ops that contain the convolution. Backward: from the gradient dy of its output, the weight's gradient
// goes to its bucket; returns that of x, or nothing unless wanted. Types are those of x and dy. `so_far`, if
// not empty: that of x so far, to which it is added, in place where nobody else holds it.
Tensor grouped_conv_forward(Pass& pass, const Tensor& x, const Parameter& weight);
Tensor grouped_conv_backward(Pass& pass, const Tensor& x, Parameter& weight, const Tensor& dy, bool wants_dx,
                             Tensor so_far = {});
// The same of the convolution of the samples `kept` of x (int64 [N], empty for all).
Tensor grouped_conv_backward_of_kept(Pass& pass, const Tensor& x, const Tensor& kept, Parameter& weight,
                                     const Tensor& dy, bool wants_dx, Tensor so_far);

}  // namespace cf

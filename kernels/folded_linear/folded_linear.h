// A linear layer or 1x1 convolution over M pixels for inference, with what stands behind it: the norm is
// folded into weight and bias (fold_norm), the activation or the sum of a residual block follow at once.
//
//   y[m,k] = activation(sum_c x[m,c] weight[k,c] + bias[k]) + residual[m,k]
//
// The sum is wide and rounded to T at the end. The bias is a T and not wide: that is how matrix libraries add
// one on the way out. At place Cuda an activation other than Relu sees the sum rounded, and Relu gives 0 for
// NaN.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct FoldedLinear {
  View<const T, M, C> x;
  View<const T, K, C> weight;
  View<const T, K> bias;
  Activation activation = Activation::None;
  View<const T, M, K> residual = {};  // empty: none; not together with an activation
  View<T, M, K> y;                    // overwritten
  Workspace workspace;
};

template <class T>
void folded_linear(Reference, const FoldedLinear<T>&);

template <class T>
void folded_linear(Cuda, const FoldedLinear<T>&);

void folded_linear(Cpu, const FoldedLinear<float>&);

std::size_t workspace_bytes(Cpu, const FoldedLinear<float>&);
template <class T>
std::size_t workspace_bytes(Cuda, const FoldedLinear<T>&);

}  // namespace cf::kernels

// Folds a batch norm with fixed statistics into the bias-free product or convolution before it, for
// inference:
//
//   scale[k]     = gamma[k] / sqrt(variance[k] + eps)
//   folded[k,i]  = scale[k] weight[k,i]
//   shift[k]     = bias[k] - mean[k] scale[k]
//
// so that norm(weight x) = folded x + shift. K is the output channel; I runs over everything that one output
// channel is made of: R S C of a filter, C of a 1x1 convolution. Sums nothing; rounds to T once.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct FoldNorm {
  View<const Wide<T>, K, I> weight;
  View<const Wide<T>, K> mean, variance;  // the running ones
  View<const Wide<T>, K> gamma, bias;
  float eps = 1e-5F;
  View<T, K, I> folded;    // overwritten
  View<Wide<T>, K> shift;  // overwritten
};

template <class T>
void fold_norm(Reference, const FoldNorm<T>&);

void fold_norm(Cpu, const FoldNorm<float>&);

template <class T>
void fold_norm(Cuda, const FoldNorm<T>&);

}  // namespace cf::kernels

// The batch norm behind the 1x1 expansion of an MBConv block in training, folded into the expansion's weight:
// what fold_batch_norms is for a ConvFirst block, with no norm in front of the expansion.
//
//   h = expand_norm(expand x)      E hidden channels, with the statistics of the batch
//
// is affine in x [M,C], of which the mean and the covariance S [C,C] are known, so that the hidden layer need
// not be computed to know the norm's statistics:
//
//   hidden_variance[e] = expand[e]' S expand[e]                                            biased, as S
//   folded[e,c]        = expand[e,c] gamma[e] / sqrt(hidden_variance[e] + eps)             rounded to T
//   folded_bias[e]     = beta[e] - sum_c folded[e,c] mean[c]    of the rounded weights, rounded to T itself
//   h                  = folded x + folded_bias
//
// x is the input less a shift, so that neither rounding x nor summing its products costs what is small beside
// a mean far from zero. For the running statistics hidden_mean = expand input_mean.
//
// Backward takes dfolded = sum_m dh x' and dfolded_bias = sum_m dh to the gradients of the parameters and to
// slope [C,C] = 2 / M times that of S, rounded to T:
//
//   dx = folded' dh + slope (x - mean) + offset
//
// where offset makes the sum of dx over the batch zero: a common offset of x has no effect on h.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// The shift: the mean rounded to a multiple of the power of two next above the deviation. An input about
// centred keeps its bits that way, the shift being zero, and one far from zero loses none to speak of.
template <class T>
struct ExpandInputShift {
  View<const Wide<T>, C> mean, variance;
  View<Wide<T>, C> shift;  // overwritten
};

template <class T>
struct FoldExpandNorm {
  View<const Wide<T>, C> input_mean, mean;
  View<const Wide<T>, C, K> covariance;  // K = C
  View<const Wide<T>, E, C> expand;
  View<const Wide<T>, E> gamma, beta;
  float eps = 1e-5F;
  View<T, E, C> folded;  // all overwritten
  View<T, E> folded_bias;
  View<Wide<T>, E> hidden_mean, hidden_variance;
  Workspace workspace;
};

template <class T>
struct FoldExpandNormBackward {
  std::int64_t rows;  // M
  View<const Wide<T>, C> mean;
  View<const Wide<T>, C, K> covariance;
  View<const Wide<T>, E, C> expand;
  View<const Wide<T>, E> gamma;
  View<const Wide<T>, E> hidden_variance;  // of the forward pass
  float eps = 1e-5F;
  View<const Wide<T>, E, C> dfolded;
  View<const Wide<T>, E> dfolded_bias;
  View<Wide<T>, E, C> dexpand;
  View<Wide<T>, E> dgamma, dbeta;
  float accumulate = 0;  // of the three gradients above: 0: overwritten; 1: added to
  View<T, C, K> slope;   // overwritten; symmetric but for rounding
  Workspace workspace;
};

template <class T>
void fold_expand_norm(Reference, const ExpandInputShift<T>&);
template <class T>
void fold_expand_norm(Reference, const FoldExpandNorm<T>&);
template <class T>
void fold_expand_norm(Reference, const FoldExpandNormBackward<T>&);

void fold_expand_norm(Cpu, const ExpandInputShift<float>&);
void fold_expand_norm(Cpu, const FoldExpandNorm<float>&);
void fold_expand_norm(Cpu, const FoldExpandNormBackward<float>&);

std::size_t workspace_bytes(Cpu, const FoldExpandNorm<float>&);
std::size_t workspace_bytes(Cpu, const FoldExpandNormBackward<float>&);

// T is Half or BFloat16, as covariance at place Cuda. The matrix products are in float without TF32 whatever
// the place allows: what cancels in a variance would be lost.
template <class T>
void fold_expand_norm(Cuda, const ExpandInputShift<T>&);
template <class T>
void fold_expand_norm(Cuda, const FoldExpandNorm<T>&);
template <class T>
void fold_expand_norm(Cuda, const FoldExpandNormBackward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const FoldExpandNorm<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const FoldExpandNormBackward<T>&);

}  // namespace cf::kernels

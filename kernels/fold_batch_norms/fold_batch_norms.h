// The two batch norms around the 1x1 expansion of a ConvFirst block in training, folded into its weight.
//
// Between the convolution's output u [M,C] and the activation everything is affine:
//
//   h = expand_norm(expand conv_norm(u))          E hidden channels, both norms with the statistics of u's
//   batch
//
// so that both norms' statistics follow from the mean and the covariance S [C,C] of u, and the hidden layer
// need not be computed to know them:
//
//   t[e,c]           = expand[e,c] conv_gamma[c] / sqrt(S[c,c] + eps)
//   hidden_variance  = t[e]' S t[e]                                                    biased, as S
//   folded[e,c]      = t[e,c] expand_gamma[e] / sqrt(hidden_variance[e] + eps)         rounded to T
//   folded_bias[e]   = expand_beta[e] - sum_c folded[e,c] mean[c]                      of the rounded weights
//   h                = folded u + folded_bias
//
// For the running statistics: u being a convolution with a bias that conv_norm does without, conv_mean = mean
// - bias; hidden_mean[e] = sum_c expand[e,c] conv_beta[c]. conv_beta has no effect on h: its gradient is
// zero. Backward takes dfolded = sum_m dh u' and dfolded_bias = sum_m dh to the gradients of the parameters,
// of the mean and of the covariance; rounding counts as the identity, but that of the mean is of the rounded
// weights, so that what a common offset of u gets in all is zero.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// Where both norms' statistics are added towards the step's, as CollectStatistics says.
template <class T>
struct CollectBothNorms {
  std::int64_t count = 0;  // rows of u, > 1; 0: not wanted
  float share = 1, accumulate = 0;
  View<Wide<T>, C> conv_mean = {}, conv_variance = {};
  View<Wide<T>, E> hidden_mean = {}, hidden_variance = {};
};

template <class T>
struct FoldBatchNorms {
  View<const Wide<T>, C> bias;
  View<const Wide<T>, C> mean;
  View<const Wide<T>, C, K> covariance;  // K = C
  View<const Wide<T>, E, C> expand;
  View<const Wide<T>, C> conv_gamma, conv_beta;
  View<const Wide<T>, E> expand_gamma, expand_beta;
  float eps = 1e-5F;
  View<T, E, C> folded;  // all overwritten
  View<Wide<T>, E> folded_bias;
  View<Wide<T>, E> hidden_mean, hidden_variance;
  View<Wide<T>, C> conv_mean, conv_variance;  // the latter is the covariance's diagonal
  CollectBothNorms<T> collected = {};
};

template <class T>
struct FoldBatchNormsBackward {
  View<const Wide<T>, C> mean;
  View<const Wide<T>, C, K> covariance;
  View<const Wide<T>, E, C> expand;
  View<const Wide<T>, C> conv_gamma;
  View<const Wide<T>, E> expand_gamma;
  View<const T, E, C> folded;              // of the forward pass
  View<const Wide<T>, E> hidden_variance;  // of the forward pass
  float eps = 1e-5F;
  View<const Wide<T>, E, C> dfolded;
  View<const Wide<T>, E> dfolded_bias;
  View<Wide<T>, E, C> dexpand;
  View<Wide<T>, C> dconv_gamma, dconv_beta;
  View<Wide<T>, E> dexpand_gamma, dexpand_beta;
  float accumulate = 0;             // of the five gradients above: 0: overwritten; 1: added to
  View<Wide<T>, C> dmean;           // overwritten
  View<Wide<T>, C, K> dcovariance;  // overwritten; symmetric
  Workspace workspace;              // places Cpu and Cuda
};

template <class T>
void fold_batch_norms(Reference, const FoldBatchNorms<T>&);
template <class T>
void fold_batch_norms(Reference, const FoldBatchNormsBackward<T>&);

void fold_batch_norms(Cpu, const FoldBatchNorms<float>&);
void fold_batch_norms(Cpu, const FoldBatchNormsBackward<float>&);
std::size_t workspace_bytes(Cpu, const FoldBatchNormsBackward<float>&);

// T is Half or BFloat16; C at most kMostFoldedChannels (else an error of kind Usage).
inline constexpr std::int64_t kMostFoldedChannels = 256;
template <class T>
void fold_batch_norms(Cuda, const FoldBatchNorms<T>&);
template <class T>
void fold_batch_norms(Cuda, const FoldBatchNormsBackward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const FoldBatchNormsBackward<T>&);

}  // namespace cf::kernels

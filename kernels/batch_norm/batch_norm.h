// Batch normalisation over the M = N*H*W values of each channel, with the activation behind it (Ioffe and
// Szegedy, 2015; PyTorch's semantics: eps inside the root, biased variance to normalise, unbiased for the
// running statistics).
//
//   statistics  mean[c] = sum_m x[m,c] / M        variance[c] = sum_m (x[m,c] - mean[c])^2 / M     (biased)
//   fold        rstd = 1 / sqrt(variance + eps)   scale = gamma rstd    shift = bias - mean scale
//   apply       y = activation(scale x + shift)
//   backward    xhat = (x - mean) rstd;  dh = dy activation'(gamma xhat + bias)
//               dbias = sum dh;  dgamma = sum dh xhat;  dx = gamma rstd (dh - dbias / M - xhat dgamma / M)
//   running     running = (1 - momentum) running + momentum batch
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// M = 1 has no variance to speak of and is an error (Usage), as in PyTorch. Exact to rounding for a mean far
// larger than the deviation: sums are taken about a shift or in two passes.
template <class T>
struct BatchNormStatistics {
  View<const T, M, C> x;
  View<Wide<T>, C> mean;      // overwritten
  View<Wide<T>, C> variance;  // overwritten; biased
  Workspace workspace;
};

template <class T>
struct BatchNormFold {
  View<const Wide<T>, C> mean, variance;  // of the batch, or the running ones
  View<const Wide<T>, C> gamma, bias;
  float eps = 1e-5F;
  View<Wide<T>, C> rstd;  // overwritten; empty: not wanted
  View<Wide<T>, C> scale, shift;
};

// Statistics, fold and collect_statistics in one call: all that a norm does in training before it is applied.
template <class T>
struct BatchNormTraining {
  View<const T, M, C> x;
  bool has_statistics = false;  // mean and variance are given, and x counts by its extents alone
  View<const Wide<T>, C> gamma, bias;
  float eps = 1e-5F;
  View<Wide<T>, C> mean, variance;      // overwritten unless given
  View<Wide<T>, C> rstd, scale, shift;  // overwritten
  float share = 1;                      // of the step's statistics, see collect_statistics
  float accumulate = 0;
  View<Wide<T>, C> batch_mean, batch_variance;
  Workspace workspace;
};

template <class T>
struct BatchNormApply {
  View<const T, M, C> x;
  View<const Wide<T>, C> scale, shift;
  Activation activation = Activation::None;
  View<T, M, C> y;  // overwritten; may be x
};

// Behind a norm whose sample i is sample kept[i] of a residual sum (kernels/residual), dy is the gradient of
// the sum, of as many samples as that has, and counts `factor` times: no copy of the kept ones is made at
// place Cuda.
template <class T>
struct BatchNormBackward {
  View<const T, M, C> x;
  View<const T, M, C> dy;
  View<const std::int64_t, N> kept = {};  // ascending; empty: row m of dy is row m of x
  float factor = 1;                       // of dy where some are kept
  View<const Wide<T>, C> mean, rstd, gamma, bias;
  Activation activation = Activation::None;  // None where some are kept
  View<T, M, C> dx;                          // overwritten; may be dy where all are kept
  View<Wide<T>, C> dgamma, dbias;
  float accumulate = 0;  // of dgamma and dbias: 0 overwritten, 1 added to; dx uses this call's sums alone
  Workspace workspace;
};

// A flat range of running statistics towards the batch's (whose variance is unbiased, see
// collect_statistics).
template <class T>
struct RunningUpdate {
  View<const T, I> batch;
  float momentum = 0.1F;
  View<T, I> running;  // updated
  const float* applies =
      nullptr;  // 0 there, in the memory of the place: nothing changes; null: always applied
};

template <class T>
void batch_norm(Reference, const BatchNormStatistics<T>&);
template <class T>
void batch_norm(Reference, const BatchNormFold<T>&);
template <class T>
void batch_norm(Reference, const BatchNormTraining<T>&);
template <class T>
void batch_norm(Reference, const BatchNormApply<T>&);
template <class T>
void batch_norm(Reference, const BatchNormBackward<T>&);
template <class T>
void batch_norm(Reference, const RunningUpdate<T>&);

void batch_norm(Cpu, const BatchNormStatistics<float>&);
void batch_norm(Cpu, const BatchNormFold<float>&);
void batch_norm(Cpu, const BatchNormTraining<float>&);
void batch_norm(Cpu, const BatchNormApply<float>&);
void batch_norm(Cpu, const BatchNormBackward<float>&);
void batch_norm(Cpu, const RunningUpdate<float>&);

std::size_t workspace_bytes(Cpu, const BatchNormStatistics<float>&);
std::size_t workspace_bytes(Cpu, const BatchNormTraining<float>&);
std::size_t workspace_bytes(Cpu, const BatchNormBackward<float>&);

template <class T>
void batch_norm(Cuda, const BatchNormStatistics<T>&);
template <class T>
void batch_norm(Cuda, const BatchNormFold<T>&);
template <class T>
void batch_norm(Cuda, const BatchNormTraining<T>&);
template <class T>
void batch_norm(Cuda, const BatchNormApply<T>&);
template <class T>
void batch_norm(Cuda, const BatchNormBackward<T>&);
template <class T>
void batch_norm(Cuda, const RunningUpdate<T>&);  // float

template <class T>
std::size_t workspace_bytes(Cuda, const BatchNormStatistics<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const BatchNormTraining<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const BatchNormBackward<T>&);

}  // namespace cf::kernels

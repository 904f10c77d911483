// Mean and covariance over the M rows of x [M,C], and the gradient that comes back through both:
//
//   mean[c]          = sum_m x[m,c] / M
//   covariance[c,k]  = sum_m (x[m,c] - mean[c]) (x[m,k] - mean[k]) / M                   biased, symmetric
//   backward         dx[m,c] += dmean[c] / M + 2 / M sum_k dcovariance[c,k] (x[m,k] - mean[k])
//
// From them follow the statistics of batch norms behind any affine map of x, without computing the map (see
// fold_batch_norms). Places Cpu and Cuda sum products of x itself: a mean of d deviations costs d^2 times the
// rounding of a sum, so x should be about centred.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// M = 1 has no variance to speak of and is an error (Usage), as in batch_norm.
template <class T>
struct Covariance {
  View<const T, M, C> x;
  View<Wide<T>, C> mean;           // overwritten
  View<Wide<T>, C, K> covariance;  // overwritten; K = C
  Workspace workspace;
};

template <class T>
struct CovarianceBackward {
  View<const T, M, C> x;
  View<const Wide<T>, C> mean;
  View<const Wide<T>, C> dmean;
  View<const Wide<T>, C, K> dcovariance;  // symmetric
  View<T, M, C> dx;                       // added to
  Workspace workspace;
};

template <class T>
void covariance(Reference, const Covariance<T>&);
template <class T>
void covariance(Reference, const CovarianceBackward<T>&);

void covariance(Cpu, const Covariance<float>&);
void covariance(Cpu, const CovarianceBackward<float>&);

std::size_t workspace_bytes(Cpu, const Covariance<float>&);
std::size_t workspace_bytes(Cpu, const CovarianceBackward<float>&);

// T is Half or BFloat16; C a multiple of 8, backward at most kMostCovarianceChannels (else an error of kind
// Usage). x, dx and dcovariance must be aligned to 16 bytes. Needs compute capability 8.0.
inline constexpr std::int64_t kMostCovarianceChannels = 192;
template <class T>
void covariance(Cuda, const Covariance<T>&);
template <class T>
void covariance(Cuda, const CovarianceBackward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const Covariance<T>&);

}  // namespace cf::kernels

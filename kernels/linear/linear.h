// Matrix products of a linear layer, which is also a 1x1 convolution over M = N*H*W pixels.
//
//   forward          y[m,k]  = sum_c x[m,c] weight[k,c] + bias[k]
//   backward input   dx[m,c] = added[m,c] + sum_k dy[m,k] weight[k,c]
//   backward weight  dweight[k,c] = accumulate dweight[k,c] + sum_m dy[m,k] x[m,c]
//                    dbias[k]     = accumulate dbias[k]     + sum_m dy[m,k]
//
//   mean[k], variance[k]: of y over its M rows, as batch_norm's statistics; M = 1 is an error then
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct LinearForward {
  View<const T, M, C> x;
  View<const T, K, C> weight;
  View<const Wide<T>, K> bias;                // empty: none
  View<T, M, K> y;                            // overwritten
  View<Wide<T>, K> mean = {}, variance = {};  // overwritten; empty, both: not wanted
  Workspace workspace;
};

template <class T>
struct LinearBackwardInput {
  View<const T, M, K> dy;
  View<const T, K, C> weight;
  View<const T, M, C> added = {};  // empty: none; must not overlap with dx
  View<T, M, C> dx;                // overwritten
  Workspace workspace;
};

template <class T>
struct LinearBackwardWeight {
  View<const T, M, C> x;
  View<const T, M, K> dy;
  View<Wide<T>, K, C> dweight;
  View<Wide<T>, K> dbias;  // empty: none
  float accumulate = 0;    // 0: overwritten (whatever was there, NaN too); 1: added to
  Workspace workspace;
};

template <class T>
void linear(Reference, const LinearForward<T>&);
template <class T>
void linear(Reference, const LinearBackwardInput<T>&);
template <class T>
void linear(Reference, const LinearBackwardWeight<T>&);

template <class T>
void linear(Cuda, const LinearForward<T>&);
template <class T>
void linear(Cuda, const LinearBackwardInput<T>&);
template <class T>
void linear(Cuda, const LinearBackwardWeight<T>&);

void linear(Cpu, const LinearForward<float>&);
void linear(Cpu, const LinearBackwardInput<float>&);
void linear(Cpu, const LinearBackwardWeight<float>&);

std::size_t workspace_bytes(Cpu, const LinearForward<float>&);
std::size_t workspace_bytes(Cpu, const LinearBackwardInput<float>&);
std::size_t workspace_bytes(Cpu, const LinearBackwardWeight<float>&);

// Whether statistics are taken where y is stored; otherwise a pass of their own takes them.
template <class Place, class T>
bool takes_statistics_at_the_store(Place, const LinearForward<T>&) {
  return false;
}
bool takes_statistics_at_the_store(Cuda, const LinearForward<Half>&);
bool takes_statistics_at_the_store(Cuda, const LinearForward<BFloat16>&);

template <class T>
std::size_t workspace_bytes(Cuda, const LinearForward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const LinearBackwardInput<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const LinearBackwardWeight<T>&);

}  // namespace cf::kernels

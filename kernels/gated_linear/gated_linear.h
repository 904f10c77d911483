// A 1x1 convolution whose input is gated_norm's output, as an MBConv block has it at its end, without that
// output in memory where a place can do without:
//
//   a[n,h,w,c]   = activation(scale[c] x[n,h,w,c] + shift[c]) gate[n,c]      rounded to T
//   forward          y[n,h,w,k] = sum_c a[n,h,w,c] weight[k,c]
//   backward weight  dweight[k,c] = accumulate dweight[k,c] + sum_{n,h,w} dy[n,h,w,k] a[n,h,w,c]
//   backward         da[n,h,w,c] = sum_k dy[n,h,w,k] weight[k,c], rounded to T; then gated_norm's backward
//                    with da as its dy
//
//   mean[k], variance[k]: of y over its N*H*W pixels, as batch_norm's statistics; one pixel is an error then
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"
#include "kernels/gated_norm/gated_norm.h"

namespace cf::kernels {

template <class T>
struct GatedLinearForward {
  View<const T, N, H, W, C> x;
  View<const Wide<T>, C> scale, shift;
  Activation activation = Activation::None;
  View<const Wide<T>, N, C> gate;
  View<const T, K, C> weight;
  View<T, M, K> y;                            // overwritten
  View<Wide<T>, K> mean = {}, variance = {};  // overwritten; empty, both: not wanted
  Workspace workspace;
};

template <class T>
struct GatedLinearBackwardWeight {
  View<const T, N, H, W, C> x;
  View<const Wide<T>, C> scale, shift;
  Activation activation = Activation::None;
  View<const Wide<T>, N, C> gate;
  View<const T, M, K> dy;
  View<Wide<T>, K, C> dweight;
  float accumulate = 0;  // 0: overwritten (whatever was there, NaN too); 1: added to
  Workspace workspace;
};

template <class T>
struct GatedLinearBackward {
  View<const T, M, K> dy;
  View<const T, K, C> weight;
  GatedNormBackward<T> norm;  // its dy is not read and may be empty; its workspace is not used
  Workspace workspace;
};

template <class T>
void gated_linear(Reference, const GatedLinearForward<T>&);
template <class T>
void gated_linear(Reference, const GatedLinearBackwardWeight<T>&);
template <class T>
void gated_linear(Reference, const GatedLinearBackward<T>&);

void gated_linear(Cpu, const GatedLinearForward<float>&);
void gated_linear(Cpu, const GatedLinearBackwardWeight<float>&);
void gated_linear(Cpu, const GatedLinearBackward<float>&);

std::size_t workspace_bytes(Cpu, const GatedLinearForward<float>&);
std::size_t workspace_bytes(Cpu, const GatedLinearBackwardWeight<float>&);
std::size_t workspace_bytes(Cpu, const GatedLinearBackward<float>&);

template <class T>
void gated_linear(Cuda, const GatedLinearForward<T>&);
template <class T>
void gated_linear(Cuda, const GatedLinearBackwardWeight<T>&);
template <class T>
void gated_linear(Cuda, const GatedLinearBackward<T>&);

template <class T>
std::size_t workspace_bytes(Cuda, const GatedLinearForward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const GatedLinearBackwardWeight<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const GatedLinearBackward<T>&);

}  // namespace cf::kernels

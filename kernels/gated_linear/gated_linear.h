// Backward of a 1x1 convolution behind gated_norm, as an MBConv block has it at its end, but for the
// convolution's weight:
//
//   da[n,h,w,c] = sum_k dy[n,h,w,k] weight[k,c], rounded to T; then gated_norm's backward with da as its dy
#pragma once

#include "kernels/gated_norm/gated_norm.h"

namespace cf::kernels {

template <class T>
struct GatedLinearBackward {
  View<const T, M, K> dy;  // of all pixels
  View<const T, K, C> weight;
  GatedNormBackward<T> norm;  // its dy is not read and may be empty; its workspace is not used
  Workspace workspace;
};

template <class T>
void gated_linear(Reference, const GatedLinearBackward<T>&);

void gated_linear(Cpu, const GatedLinearBackward<float>&);
std::size_t workspace_bytes(Cpu, const GatedLinearBackward<float>&);

template <class T>
void gated_linear(Cuda, const GatedLinearBackward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const GatedLinearBackward<T>&);

}  // namespace cf::kernels

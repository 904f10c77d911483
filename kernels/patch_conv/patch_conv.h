// Convolution over non-overlapping patches: filter size = stride = R = S, no padding. The stem and the 2x2
// steps between stages. The bias is for inference, where the norm behind is folded (fold_norm); it is a T and
// not wide, as in folded_linear. P = floor(H / R), Q = floor(W / S): odd sizes lose the last row and column.
//
//   forward          y[n,p,q,k]  = sum_{r,s,c} x[n,pR+r,qS+s,c] weight[k,r,s,c] + bias[k]
//   backward input   dx[n,pR+r,qS+s,c] = sum_k dy[n,p,q,k] weight[k,r,s,c]; lost rows and columns get 0
//   backward weight  dweight[k,r,s,c]  = accumulate dweight + sum_{n,p,q} dy[n,p,q,k] x[n,pR+r,qS+s,c]
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct PatchConvForward {
  View<const T, N, H, W, C> x;
  View<const T, K, R, S, C> weight;
  View<const T, K> bias = {};  // empty: none
  View<T, N, P, Q, K> y;       // overwritten
  Workspace workspace;
};

template <class T>
struct PatchConvBackwardInput {
  View<const T, N, P, Q, K> dy;
  View<const T, K, R, S, C> weight;
  View<T, N, H, W, C> dx;  // overwritten
  Workspace workspace;
};

template <class T>
struct PatchConvBackwardWeight {
  View<const T, N, H, W, C> x;
  View<const T, N, P, Q, K> dy;
  View<Wide<T>, K, R, S, C> dweight;
  float accumulate = 0;  // 0: overwritten; 1: added to
  Workspace workspace;
};

template <class T>
void patch_conv(Reference, const PatchConvForward<T>&);
template <class T>
void patch_conv(Reference, const PatchConvBackwardInput<T>&);
template <class T>
void patch_conv(Reference, const PatchConvBackwardWeight<T>&);

template <class T>
void patch_conv(Cuda, const PatchConvForward<T>&);
template <class T>
void patch_conv(Cuda, const PatchConvBackwardInput<T>&);
template <class T>
void patch_conv(Cuda, const PatchConvBackwardWeight<T>&);

void patch_conv(Cpu, const PatchConvForward<float>&);
void patch_conv(Cpu, const PatchConvBackwardInput<float>&);
void patch_conv(Cpu, const PatchConvBackwardWeight<float>&);

std::size_t workspace_bytes(Cpu, const PatchConvForward<float>&);
std::size_t workspace_bytes(Cpu, const PatchConvBackwardInput<float>&);
std::size_t workspace_bytes(Cpu, const PatchConvBackwardWeight<float>&);

template <class T>
std::size_t workspace_bytes(Cuda, const PatchConvForward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const PatchConvBackwardInput<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const PatchConvBackwardWeight<T>&);

}  // namespace cf::kernels

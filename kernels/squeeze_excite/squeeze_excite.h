// Squeeze-and-excitation (Hu et al., 2018): one gate per sample and channel from the mean over the pixels.
//
//   pooled[n,c]   = mean_{h,w} x[n,h,w,c]
//   squeezed[n,d] = relu(sum_c reduce_weight[d,c] pooled[n,c] + reduce_bias[d])
//   gate[n,c]     = sigmoid(sum_d expand_weight[c,d] squeezed[n,d] + expand_bias[c])
//   y[n,h,w,c]    = x[n,h,w,c] gate[n,c]
//
//   backward      da[n,c] = gate (1 - gate) sum_{h,w} dy x                dexpand_weight[c,d] = sum_n da
//   squeezed
//                 ds[n,d] = [squeezed > 0] sum_c da expand_weight[c,d]    dreduce_weight[d,c] = sum_n ds
//                 pooled dx[n,h,w,c] = dy gate + sum_d ds reduce_weight[d,c] / (H W)
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct SqueezeExciteForward {
  View<const T, N, H, W, C> x;
  View<const T, D, C> reduce_weight;
  View<const Wide<T>, D> reduce_bias;
  View<const T, C, D> expand_weight;
  View<const Wide<T>, C> expand_bias;
  View<Wide<T>, N, C> pooled;    // overwritten; kept for backward
  View<Wide<T>, N, D> squeezed;  // overwritten; kept for backward
  View<Wide<T>, N, C> gate;      // overwritten; kept for backward
  View<T, N, H, W, C> y;         // overwritten; empty: only the gate is wanted
  Workspace workspace;
};

template <class T>
struct SqueezeExciteBackward {
  View<const T, N, H, W, C> x;
  View<const T, N, H, W, C> dy;
  View<const T, D, C> reduce_weight;
  View<const T, C, D> expand_weight;
  View<const Wide<T>, N, C> pooled;
  View<const Wide<T>, N, D> squeezed;
  View<const Wide<T>, N, C> gate;
  View<T, N, H, W, C> dx;  // overwritten; may be dy
  View<Wide<T>, D, C> dreduce_weight;
  View<Wide<T>, D> dreduce_bias;
  View<Wide<T>, C, D> dexpand_weight;
  View<Wide<T>, C> dexpand_bias;
  float accumulate = 0;  // of the parameter gradients: 0 overwritten, 1 added to
  Workspace workspace;
};

template <class T>
void squeeze_excite(Reference, const SqueezeExciteForward<T>&);
template <class T>
void squeeze_excite(Reference, const SqueezeExciteBackward<T>&);

template <class T>
void squeeze_excite(Cuda, const SqueezeExciteForward<T>&);
template <class T>
void squeeze_excite(Cuda, const SqueezeExciteBackward<T>&);

void squeeze_excite(Cpu, const SqueezeExciteForward<float>&);
void squeeze_excite(Cpu, const SqueezeExciteBackward<float>&);

std::size_t workspace_bytes(Cpu, const SqueezeExciteForward<float>&);
std::size_t workspace_bytes(Cpu, const SqueezeExciteBackward<float>&);

template <class T>
std::size_t workspace_bytes(Cuda, const SqueezeExciteBackward<T>&);

}  // namespace cf::kernels

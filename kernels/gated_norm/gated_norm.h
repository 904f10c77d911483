// What stands behind the convolution of an MBConv block, in as few passes over its wide image as the sums
// between them allow: batch norm, activation and squeeze-and-excitation (see batch_norm and squeeze_excite,
// whose formulas these are).
//
//   a[n,h,w,c]    = activation(scale[c] x[n,h,w,c] + shift[c])          never written
//   gates         pooled[n,c] = mean_{h,w} a;  squeezed, gate: squeeze_excite's
//   apply         y[n,h,w,c]  = a gate[n,c]
//
//   backward      from dy to dx and the gradients of all parameters, in two passes over x and dy. What the
//   norm needs of the whole batch is linear in what the gate's layers give back, so that the sums of a
//   sample's pixels suffice: with a' the activation's derivative, d = x - mean and dpixel[n,c] the gradient
//   of every pixel through pooled,
//
//   dh       = (dy gate + dpixel) a'
//   sum dh   = sum_n (gate[n,c] sum_{h,w} dy a'   + dpixel[n,c] sum_{h,w} a')
//   sum dh d = sum_n (gate[n,c] sum_{h,w} dy a' d + dpixel[n,c] sum_{h,w} a' d)
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct GatedNormGates {
  View<const T, N, H, W, C> x;
  View<const Wide<T>, C> scale, shift;
  Activation activation = Activation::None;
  View<const T, D, C> reduce_weight;
  View<const Wide<T>, D> reduce_bias;
  View<const T, C, D> expand_weight;
  View<const Wide<T>, C> expand_bias;
  View<Wide<T>, N, C> pooled;    // overwritten; kept for backward
  View<Wide<T>, N, D> squeezed;  // overwritten; kept for backward
  View<Wide<T>, N, C> gate;      // overwritten; kept for backward
  Workspace workspace;
};

template <class T>
struct GatedNormApply {
  View<const T, N, H, W, C> x;
  View<const Wide<T>, C> scale, shift;
  Activation activation = Activation::None;
  View<const Wide<T>, N, C> gate;
  View<T, N, H, W, C> y;  // overwritten
};

template <class T>
struct GatedNormBackward {
  View<const T, N, H, W, C> x;
  View<const T, N, H, W, C> dy;
  View<const Wide<T>, C> mean, rstd, gamma, bias;
  Activation activation = Activation::None;
  View<const T, D, C> reduce_weight;
  View<const T, C, D> expand_weight;
  View<const Wide<T>, N, C> pooled;
  View<const Wide<T>, N, D> squeezed;
  View<const Wide<T>, N, C> gate;
  View<T, N, H, W, C> dx;  // overwritten; may be dy
  View<Wide<T>, C> dgamma, dbias;
  View<Wide<T>, D, C> dreduce_weight;
  View<Wide<T>, D> dreduce_bias;
  View<Wide<T>, C, D> dexpand_weight;
  View<Wide<T>, C> dexpand_bias;
  float accumulate = 0;  // of the parameters' gradients: 0 overwritten, 1 added to
  Workspace workspace;
};

template <class T>
void gated_norm(Reference, const GatedNormGates<T>&);
template <class T>
void gated_norm(Reference, const GatedNormApply<T>&);
template <class T>
void gated_norm(Reference, const GatedNormBackward<T>&);

void gated_norm(Cpu, const GatedNormGates<float>&);
void gated_norm(Cpu, const GatedNormApply<float>&);
void gated_norm(Cpu, const GatedNormBackward<float>&);

std::size_t workspace_bytes(Cpu, const GatedNormGates<float>&);
std::size_t workspace_bytes(Cpu, const GatedNormBackward<float>&);

template <class T>
void gated_norm(Cuda, const GatedNormGates<T>&);
template <class T>
void gated_norm(Cuda, const GatedNormApply<T>&);
template <class T>
void gated_norm(Cuda, const GatedNormBackward<T>&);

template <class T>
std::size_t workspace_bytes(Cuda, const GatedNormBackward<T>&);

}  // namespace cf::kernels

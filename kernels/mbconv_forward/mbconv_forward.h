// The MBConv block for inference (layers/mbconv.h), its three batch norms folded into the weights:
//
//   t        = act(expand x + expand_bias)                  1x1, E hidden channels                 [N,H,W,E]
//   u        = act(conv(t) + conv_bias)                     3x3, group width 8, zero padding 1     [N,H,W,E]
//   pooled   = mean of u over the pixels                                                           [N,E]
//   squeezed = max(squeeze pooled + squeeze_bias, 0)        D squeezed channels                    [N,D]
//   gate     = sigmoid(excite squeezed + excite_bias)                                              [N,E]
//   y        = x + project (gate u) + project_bias          1x1                                    [N,H,W,C]
//
// t, u, gate u and y are rounded to T, sums are wide. The padding is that of t: zeros behind the activation.
// C is arbitrary, E a multiple of 8. Weights and biases are those that fold_norm makes of a layer and the
// norm behind it (expand with expand_bn, and so on); squeeze and excite are the layer's own.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct MBConvForward {
  View<const T, N, H, W, C> x;
  View<const T, E, C> expand;
  View<const Wide<T>, E> expand_bias;
  View<const T, K, R, S, C> conv;  // [hidden channels, 3, 3, 8], see grouped_conv
  View<const Wide<T>, E> conv_bias;
  View<const T, D, E> squeeze;
  View<const Wide<T>, D> squeeze_bias;
  View<const T, E, D> excite;
  View<const Wide<T>, E> excite_bias;
  View<const T, C, E> project;
  View<const Wide<T>, C> project_bias;
  Activation activation;
  View<T, N, H, W, C> y;  // overwritten; not x
  Workspace workspace;    // places Cpu and Cuda
  // Place Cuda: bytes of u that wait for their gates at a time, if one group of images takes no more; 0:
  // about what the L2 cache of a Hopper GPU holds.
  std::int64_t slice_bytes = 0;
  bool portable = false;  // place Cuda: use nothing that compute capability 8.0 does not have
};

template <class T>
void mbconv(Reference, const MBConvForward<T>&);

void mbconv(Cpu, const MBConvForward<float>&);
std::size_t workspace_bytes(Cpu, const MBConvForward<float>&);

// T is Half or BFloat16; C a multiple of 8 (else an error of kind Usage). Images, weights and workspace
// must be aligned to 16 bytes. Needs compute capability 8.0. u of a slice of the batch at a time is in the
// workspace; t is nowhere.
template <class T>
void mbconv(Cuda, const MBConvForward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const MBConvForward<T>&);

}  // namespace cf::kernels

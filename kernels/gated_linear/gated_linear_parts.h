// The kernels that gated_linear is made of where a place has no better: gated_norm writes the gated image to
// memory of the caller's, linear and gated_norm do the rest.
#pragma once

#include "kernels/gated_linear/gated_linear.h"
#include "kernels/linear/linear.h"

namespace cf::kernels::detail {

// The gated image [N,H,W,C] of a pass that takes x, forward or backward weight.
template <class T, template <class> class Args>
GatedNormApply<T> gated_image_of(const Args<T>& a, T* gated) {
  return {.x = a.x,
          .scale = a.scale,
          .shift = a.shift,
          .activation = a.activation,
          .gate = a.gate,
          .y = {gated, a.x.template extent<N>(), a.x.template extent<H>(), a.x.template extent<W>(),
                a.x.template extent<C>()}};
}

// The layer behind it.
template <class T>
LinearForward<T> linear_of(const GatedLinearForward<T>& a, const T* gated, Workspace workspace = {}) {
  return {.x = {gated, a.y.template extent<M>(), a.x.template extent<C>()},
          .weight = a.weight,
          .bias = {},
          .y = a.y,
          .mean = a.mean,
          .variance = a.variance,
          .workspace = workspace};
}

template <class T>
LinearBackwardWeight<T> linear_of(const GatedLinearBackwardWeight<T>& a, const T* gated,
                                  Workspace workspace = {}) {
  return {.x = {gated, a.dy.template extent<M>(), a.x.template extent<C>()},
          .dy = a.dy,
          .dweight = a.dweight,
          .dbias = {},
          .accumulate = a.accumulate,
          .workspace = workspace};
}

// What comes back through the layer, [M,C].
template <class T>
LinearBackwardInput<T> linear_of(const GatedLinearBackward<T>& a, T* dgated, Workspace workspace = {}) {
  return {.dy = a.dy,
          .weight = a.weight,
          .dx = {dgated, a.dy.template extent<M>(), a.weight.template extent<C>()},
          .workspace = workspace};
}

// The norm's part, from dgated.
template <class T>
GatedNormBackward<T> norm_of(const GatedLinearBackward<T>& a, const T* dgated, Workspace workspace = {}) {
  GatedNormBackward<T> norm = a.norm;
  norm.dy = {dgated, norm.x.template extent<N>(), norm.x.template extent<H>(), norm.x.template extent<W>(),
             norm.x.template extent<C>()};
  norm.workspace = workspace;
  return norm;
}

}  // namespace cf::kernels::detail

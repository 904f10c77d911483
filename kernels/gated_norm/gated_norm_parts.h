// gated_norm as the kernels that it is made of, with the activated layer in between: the truth, and what
// place Cpu runs.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf::kernels::detail {

// The norm and the activation; `activated` has room for an image.
template <class T>
BatchNormApply<T> norm_of(const GatedNormGates<T>& a, T* activated) {
  return {.x = as_rows<M, C>(a.x),
          .scale = a.scale,
          .shift = a.shift,
          .activation = a.activation,
          .y = {activated, as_rows<M, C>(a.x).template extent<M>(), a.x.template extent<C>()}};
}

template <class T>
View<const T, N, H, W, C> image_like(const View<const T, N, H, W, C>& x, const T* data) {
  const auto& [n, h, w, c] = x.extents();
  return {data, N{n}, H{h}, W{w}, C{c}};
}

// The gates of the activated layer, which is not multiplied with them.
template <class T>
SqueezeExciteForward<T> gates_of(const GatedNormGates<T>& a, const T* activated, Workspace workspace = {}) {
  return {.x = image_like(a.x, activated),
          .reduce_weight = a.reduce_weight,
          .reduce_bias = a.reduce_bias,
          .expand_weight = a.expand_weight,
          .expand_bias = a.expand_bias,
          .pooled = a.pooled,
          .squeezed = a.squeezed,
          .gate = a.gate,
          .y = {},
          .workspace = workspace};
}

// The activated layer again. `fold`: room for two rows of channels.
template <class T>
BatchNormApply<T> norm_of(const GatedNormBackward<T>& a, Wide<T>* fold, T* activated) {
  const C channels = a.x.template extent<C>();
  const View<Wide<T>, C> scale(fold, channels), shift(fold + channels.value, channels);
  for (const C c : range(channels)) {
    scale(c) = a.gamma(c) * a.rstd(c);
    shift(c) = a.bias(c) - a.mean(c) * scale(c);
  }
  const auto rows = as_rows<M, C>(a.x);
  return {.x = rows,
          .scale = scale,
          .shift = shift,
          .activation = a.activation,
          .y = {activated, rows.template extent<M>(), channels}};
}

// From dy to the gradient of the activated layer, in dx.
template <class T>
SqueezeExciteBackward<T> gates_of(const GatedNormBackward<T>& a, const T* activated,
                                  Workspace workspace = {}) {
  return {.x = image_like(a.x, activated),
          .dy = a.dy,
          .reduce_weight = a.reduce_weight,
          .expand_weight = a.expand_weight,
          .pooled = a.pooled,
          .squeezed = a.squeezed,
          .gate = a.gate,
          .dx = a.dx,
          .dreduce_weight = a.dreduce_weight,
          .dreduce_bias = a.dreduce_bias,
          .dexpand_weight = a.dexpand_weight,
          .dexpand_bias = a.dexpand_bias,
          .accumulate = a.accumulate,
          .workspace = workspace};
}

// From there to the gradient of x.
template <class T>
BatchNormBackward<T> norm_backward_of(const GatedNormBackward<T>& a, Workspace workspace = {}) {
  return {.x = as_rows<M, C>(a.x),
          .dy = as_rows<M, C>(image_like<T>(a.x, a.dx.data())),
          .mean = a.mean,
          .rstd = a.rstd,
          .gamma = a.gamma,
          .bias = a.bias,
          .activation = a.activation,
          .dx = as_rows<M, C>(a.dx),
          .dgamma = a.dgamma,
          .dbias = a.dbias,
          .accumulate = a.accumulate,
          .workspace = workspace};
}

}  // namespace cf::kernels::detail

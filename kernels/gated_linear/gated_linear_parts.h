// The kernels that gated_linear is made of where a place has no better: linear's backward writes da where
// gated_norm's, in place, writes dx.
#pragma once

#include "kernels/gated_linear/gated_linear.h"
#include "kernels/linear/linear.h"

namespace cf::kernels::detail {

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

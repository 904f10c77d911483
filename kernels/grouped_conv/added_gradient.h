// The gradient to the input written to the workspace and added from there, where a place does not add it as
// it is stored.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/residual/residual.h"

namespace cf::kernels::detail {

// Room in front of the workspace for the gradient by itself; none where it is not added.
template <class T>
std::size_t own_gradient_bytes(const GroupedConvBackwardInput<T>& a) {
  return a.adds ? padded_bytes(static_cast<std::size_t>(a.dy.size()) * sizeof(T)) : 0;
}

// convolve(arguments that overwrite), then the addition.
template <class Place, class T, class Convolve>
void convolve_and_add(Place place, GroupedConvBackwardInput<T> a, const Convolve& convolve) {
  if (!a.adds) return convolve(a);
  T* const own =
      workspace_as<T>("grouped_conv backward input", a.workspace, own_gradient_bytes(a) / sizeof(T));
  const auto& [n, h, w, k] = a.dy.extents();
  const View<T, N, H, W, C> sum = a.dx, gradient(own, N{n}, H{h}, W{w}, C{k});
  const auto kept = a.kept;
  a.workspace = a.workspace.subspan(own_gradient_bytes(a));
  a.adds = false;
  a.kept = {};
  a.dx = gradient;
  convolve(a);
  residual(place, ScatterAddSamples<T>{.x = gradient, .kept = kept, .y = sum});
}

}  // namespace cf::kernels::detail

// The sum with what is added by a pass of its own, where a place does not add as it stores: in dx, or where
// it adds to dx, by way of the workspace.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/residual/residual.h"

namespace cf::kernels::detail {

template <class T>
bool adds_in_place(const GroupedConvBackwardInput<T>& a) {
  return a.added && a.added.data() == a.dx.data();
}

// Room in front of the workspace for the gradient by itself; none where it is not added.
template <class T>
std::size_t own_gradient_bytes(const GroupedConvBackwardInput<T>& a) {
  return adds_in_place(a) ? padded_bytes(static_cast<std::size_t>(a.dy.size()) * sizeof(T)) : 0;
}

// convolve(arguments that overwrite), then the addition.
template <class Place, class T, class Convolve>
void convolve_and_add(Place place, GroupedConvBackwardInput<T> a, const Convolve& convolve) {
  const auto added = a.added;
  if (!adds_in_place(a)) {
    a.added = {};
    convolve(a);
    if (added) residual(place, ScatterAddSamples<T>{.x = added, .kept = {}, .y = a.dx});
    return;
  }
  T* const own =
      workspace_as<T>("grouped_conv backward input", a.workspace, own_gradient_bytes(a) / sizeof(T));
  const auto& [n, h, w, k] = a.dy.extents();
  const View<T, N, H, W, C> sum = a.dx, gradient(own, N{n}, H{h}, W{w}, C{k});
  const auto kept = a.kept;
  a.workspace = a.workspace.subspan(own_gradient_bytes(a));
  a.added = {};
  a.kept = {};
  a.dx = gradient;
  convolve(a);
  residual(place, ScatterAddSamples<T>{.x = gradient, .kept = kept, .y = sum});
}

}  // namespace cf::kernels::detail

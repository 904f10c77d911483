// Both gradients of a grouped convolution: of its filter and of x. The contracts of the parts are
// grouped_conv.h's; at place Cuda in 16-bit types dy is read once for both.
#pragma once

#include <algorithm>

#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

// With `added`, the gradient of a residual sum so far, dx = added + the convolution, rounded to T before it
// is added.
template <class T>
struct GroupedConvBackward {
  View<const T, N, H, W, C> x;
  View<const std::int64_t, N> kept = {};  // samples of x and dx; empty unless it adds
  View<const T, K, R, S, C> weight;       // [channels, 3, 3, 8]
  View<const T, N, H, W, K> dy;
  View<const T, N, H, W, C> added = {};  // empty: none; may be dx, must be where samples are kept
  View<T, N, H, W, C> dx;  // overwritten, but for samples that are not kept; must not overlap with x or dy
  View<Wide<T>, K, R, S, C> dweight;
  float accumulate = 0;  // of dweight, 0: overwritten; 1: added to
  Workspace workspace;
};

template <class T>
void grouped_conv(Reference, const GroupedConvBackward<T>&);
void grouped_conv(Cpu, const GroupedConvBackward<float>&);
// Images must be aligned to 16 bytes.
template <class T>
void grouped_conv(Cuda, const GroupedConvBackward<T>&);

std::size_t workspace_bytes(Cpu, const GroupedConvBackward<float>&);
template <class T>
std::size_t workspace_bytes(Cuda, const GroupedConvBackward<T>&);

namespace detail {

template <class T>
GroupedConvBackwardWeight<T> weight_part(const GroupedConvBackward<T>& a) {
  return {.x = a.x,
          .kept = a.kept,
          .dy = a.dy,
          .dweight = a.dweight,
          .accumulate = a.accumulate,
          .workspace = a.workspace};
}

template <class T>
GroupedConvBackwardInput<T> input_part(const GroupedConvBackward<T>& a) {
  return {
      .dy = a.dy, .weight = a.weight, .added = a.added, .kept = a.kept, .dx = a.dx, .workspace = a.workspace};
}

// One after another, for the places that do not join them.
template <class Place, class T>
void run_parts(Place place, const GroupedConvBackward<T>& a) {
  grouped_conv(place, weight_part(a));
  grouped_conv(place, input_part(a));
}

template <class Place, class T>
std::size_t bytes_of_parts(Place place, const GroupedConvBackward<T>& a) {
  return std::max(workspace_bytes(place, weight_part(a)), workspace_bytes(place, input_part(a)));
}

}  // namespace detail

}  // namespace cf::kernels

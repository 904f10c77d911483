// A normed input written out, where a place does not norm on the way in.
#pragma once

#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels::detail {

// Room in front of the workspace for the normed input; none without a norm.
template <class Args>
std::size_t normed_input_bytes(const Args& a) {
  return a.norm ? padded_bytes(static_cast<std::size_t>(a.x.size()) * sizeof(*a.x.data())) : 0;
}

// The same arguments with the normed input, which is written to `to`, for x.
template <class Place, class T, template <class> class Args>
Args<T> with_normed_input(Place place, Args<T> a, T* to) {
  if (!a.norm) return a;
  const auto rows = as_rows<M, C>(a.x);
  batch_norm(place, BatchNormApply<T>{.x = rows,
                                      .scale = a.norm.scale,
                                      .shift = a.norm.shift,
                                      .activation = a.norm.activation,
                                      .y = {to, rows.template extent<M>(), rows.template extent<C>()}});
  a.workspace = a.workspace.subspan(std::min(a.workspace.size(), normed_input_bytes(a)));
  const auto& [n, h, w, c] = a.x.extents();
  a.x = {to, N{n}, H{h}, W{w}, C{c}};
  a.norm = {};
  return a;
}

// The same in the workspace.
template <class Place, template <class> class Args>
Args<float> with_normed_input(Place place, std::string_view kernel, const Args<float>& a) {
  return with_normed_input(place, a,
                           workspace_as<float>(kernel, a.workspace, normed_input_bytes(a) / sizeof(float)));
}

}  // namespace cf::kernels::detail

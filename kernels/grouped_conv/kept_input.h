// The kept samples of an input written out, where a place does not look for them on the way in.
#pragma once

#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/residual/residual.h"

namespace cf::kernels::detail {

// The same arguments with an input of as many samples as are kept, at `to`.
template <class Args, class T>
Args of_kept(Args a, const T* to) {
  const auto& [n, h, w, c] = a.x.extents();
  a.x = {to, N{a.kept.size()}, H{h}, W{w}, C{c}};
  a.kept = {};
  return a;
}

// Room in front of the workspace for the kept samples; none where all are.
template <class Args>
std::size_t kept_input_bytes(const Args& a) {
  if (!a.kept) return 0;
  return padded_bytes(static_cast<std::size_t>(of_kept(a, a.x.data()).x.size()) * sizeof(*a.x.data()));
}

// With the kept samples in the workspace.
template <class Place, template <class> class Args>
Args<float> with_kept_input(Place place, std::string_view kernel, const Args<float>& a) {
  if (!a.kept) return a;
  const std::size_t bytes = kept_input_bytes(a);
  float* const to = workspace_as<float>(kernel, a.workspace, bytes / sizeof(float));
  Args<float> out = of_kept(a, to);
  const auto& [n, h, w, c] = out.x.extents();
  residual(place,
           GatherSamples<float>{.x = a.x, .kept = a.kept, .factor = 1, .y = {to, N{n}, H{h}, W{w}, C{c}}});
  out.workspace = a.workspace.subspan(bytes);
  return out;
}

}  // namespace cf::kernels::detail

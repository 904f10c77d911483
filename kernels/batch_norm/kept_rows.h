// The rows of a residual sum that belong to a norm of kept samples, where a place does not look for each of
// them by itself.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/residual/residual.h"

namespace cf::kernels::detail {

// Of row m of x.
template <class T>
M row_of_sum(const BatchNormBackward<T>& a, M m) {
  const std::int64_t pixels = a.x.template extent<M>().value / a.kept.size(), i = m.value / pixels;
  return M{a.kept(N{i}) * pixels + m.value - i * pixels};
}

// Room in front of the workspace for dy of the kept samples; none where all are.
template <class T>
std::size_t kept_rows_bytes(const BatchNormBackward<T>& a) {
  return a.kept ? padded_bytes(static_cast<std::size_t>(a.x.size()) * sizeof(T)) : 0;
}

// The same arguments with dy of the kept samples, in the workspace.
template <class Place, class T>
BatchNormBackward<T> with_kept_rows(Place place, BatchNormBackward<T> a) {
  if (!a.kept) return a;
  T* const to = workspace_as<T>("batch norm backward", a.workspace, kept_rows_bytes(a) / sizeof(T));
  const M rows = a.x.template extent<M>(), all = a.dy.template extent<M>();
  const C channels = a.x.template extent<C>();
  const std::int64_t samples = a.kept.size(), pixels = rows.value / samples;
  residual(place, GatherSamples<T>{.x = {a.dy.data(), N{all.value / pixels}, H{pixels}, W{1}, channels},
                                   .kept = a.kept,
                                   .factor = a.factor,
                                   .y = {to, N{samples}, H{pixels}, W{1}, channels}});
  a.workspace = a.workspace.subspan(kept_rows_bytes(a));
  a.dy = {to, rows, channels};
  a.kept = {};
  return a;
}

}  // namespace cf::kernels::detail

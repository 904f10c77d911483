// What every place checks before it runs a residual sum, gather or scatter.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/residual/residual.h"

namespace cf::kernels {

// `branch` must hold the kept samples of `whole`, kept must be ascending indices of its samples.
template <class T, class U>
void check_kept(const View<const std::int64_t, N>& kept, std::string_view branch_name,
                const View<T, N, H, W, C>& branch, std::string_view whole_name,
                const View<U, N, H, W, C>& whole) {
  const N samples = whole.template extent<N>();
  if (!kept) return check_extent<N>("residual", branch_name, branch, whole_name, whole);
  check_extent<N>("residual", branch_name, branch, "kept", kept);
  check_extent<H>("residual", branch_name, branch, whole_name, whole);
  check_extent<W>("residual", branch_name, branch, whole_name, whole);
  check_extent<C>("residual", branch_name, branch, whole_name, whole);
  std::int64_t lowest = 0;
  for (const N i : range(kept.extent<N>())) {
    CF_CHECK(kept(i) >= lowest && kept(i) < samples.value, "residual: kept[", i.value, "] is ", kept(i),
             ", must be in [", lowest, ", ", samples.value, "): ascending, distinct samples");
    lowest = kept(i) + 1;
  }
}

template <class T>
void check(const ResidualSum<T>& args) {
  check_kept(args.kept, "branch", args.branch, "x", args.x);
  check_extent<C>("residual", "scale", args.scale, "x", args.x);
  check_extent<C>("residual", "shift", args.shift, "x", args.x);
  check_same_shape("residual", "y", args.y, "x", args.x);
}

template <class T>
void check(const GatherSamples<T>& args) {
  CF_CHECK(bool{args.kept}, "residual: no samples to gather, kept is empty");
  check_kept(args.kept, "y", args.y, "x", args.x);
}

template <class T>
void check(const ScatterAddSamples<T>& args) {
  check_kept(args.kept, "x", args.x, "y", args.y);
}

}  // namespace cf::kernels

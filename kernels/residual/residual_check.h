// What is checked before a residual sum, gather or scatter runs: check_extents at every place, check where
// the host can read kept.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/base/check_kept.h"
#include "kernels/residual/residual.h"

namespace cf::kernels {

// `branch` must hold the kept samples of `whole`.
template <class T, class U>
void check_kept_extents(const View<const std::int64_t, N>& kept, std::string_view branch_name,
                        const View<T, N, H, W, C>& branch, std::string_view whole_name,
                        const View<U, N, H, W, C>& whole) {
  if (kept) {
    check_extent<N>("residual", branch_name, branch, "kept", kept);
  } else {
    check_extent<N>("residual", branch_name, branch, whole_name, whole);
  }
  check_extent<H>("residual", branch_name, branch, whole_name, whole);
  check_extent<W>("residual", branch_name, branch, whole_name, whole);
  check_extent<C>("residual", branch_name, branch, whole_name, whole);
}

template <class T>
void check_extents(const ResidualSum<T>& args) {
  check_kept_extents(args.kept, "branch", args.branch, "x", args.x);
  check_extent<C>("residual", "scale", args.scale, "x", args.x);
  check_extent<C>("residual", "shift", args.shift, "x", args.x);
  check_same_shape("residual", "y", args.y, "x", args.x);
}

template <class T>
void check_extents(const GatherSamples<T>& args) {
  CF_CHECK(bool{args.kept}, "residual: no samples to gather, kept is empty");
  check_kept_extents(args.kept, "y", args.y, "x", args.x);
}

template <class T>
void check_extents(const ScatterAddSamples<T>& args) {
  check_kept_extents(args.kept, "x", args.x, "y", args.y);
}

template <class T>
void check(const ResidualSum<T>& args) {
  check_extents(args);
  check_kept("residual", args.kept, args.x.template extent<N>());
}

template <class T>
void check(const GatherSamples<T>& args) {
  check_extents(args);
  check_kept("residual", args.kept, args.x.template extent<N>());
}

template <class T>
void check(const ScatterAddSamples<T>& args) {
  check_extents(args);
  check_kept("residual", args.kept, args.y.template extent<N>());
}

}  // namespace cf::kernels

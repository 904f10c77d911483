// Agreement of the extents of fold_norm's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/fold_norm/fold_norm.h"

namespace cf::kernels {

template <class T>
void check(const FoldNorm<T>& a) {
  constexpr auto kName = "fold_norm";
  check_same_shape(kName, "weight", a.weight, "folded", a.folded);
  check_extent<K>(kName, "weight", a.weight, "mean", a.mean);
  check_extent<K>(kName, "weight", a.weight, "variance", a.variance);
  check_extent<K>(kName, "weight", a.weight, "gamma", a.gamma);
  check_extent<K>(kName, "weight", a.weight, "bias", a.bias);
  check_extent<K>(kName, "weight", a.weight, "shift", a.shift);
}

}  // namespace cf::kernels

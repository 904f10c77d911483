// Agreement of the extents of normalize_image's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/normalize_image/normalize_image.h"

namespace cf::kernels {

template <class T>
void check(const NormalizeImage<T>& a) {
  constexpr auto kName = "normalize_image";
  check_same_shape(kName, "x", a.x, "y", a.y);
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "deviation", a.deviation);
}

}  // namespace cf::kernels

// Agreement of the extents of mix_images' arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/mix_images/mix_images.h"

namespace cf::kernels {

template <class T>
void check(const MixImages<T>& a) {
  constexpr auto kName = "mix_images";
  check_same_shape(kName, "x", a.x, "y", a.y);
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "deviation", a.deviation);
  check_extent<N>(kName, "x", a.x, "share", a.share);
  check_extent<N>(kName, "x", a.x, "box", a.box);
  CF_CHECK(a.box.template extent<K>() == K{4}, kName, ": box has K=", a.box.template extent<K>().value,
           ", must have 4");
}

// The image that image n of `images` is mixed with.
constexpr std::int64_t partner_of(std::int64_t n, std::int64_t images) {
  return (n ^ 1) < images ? n ^ 1 : n;
}

}  // namespace cf::kernels

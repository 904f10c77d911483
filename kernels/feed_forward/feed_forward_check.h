// Agreement of the extents of feed_forward's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/feed_forward/feed_forward.h"

namespace cf::kernels {

template <class T>
void check(const FeedForward<T>& a) {
  constexpr auto kName = "feed_forward";
  check_same_shape(kName, "u", a.u, "p", a.p);
  check_extent<C>(kName, "u", a.u, "expand", a.expand);
  check_extent<E>(kName, "expand", a.expand, "expand_bias", a.expand_bias);
  check_extent<C>(kName, "u", a.u, "project", a.project);
  check_extent<E>(kName, "expand", a.expand, "project", a.project);
}

}  // namespace cf::kernels

// Agreement of the extents of feed_forward's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/feed_forward_backward/feed_forward_backward.h"

namespace cf::kernels {

template <class T>
void check(const FeedForwardBackward<T>& a) {
  constexpr auto kName = "feed_forward backward";
  check_same_shape(kName, "u", a.u, "dp", a.dp);
  check_same_shape(kName, "u", a.u, "du", a.du);
  check_extent<C>(kName, "u", a.u, "expand", a.expand);
  check_extent<E>(kName, "expand", a.expand, "expand_bias", a.expand_bias);
  check_extent<C>(kName, "u", a.u, "project", a.project);
  check_extent<E>(kName, "expand", a.expand, "project", a.project);
  check_same_shape(kName, "expand", a.expand, "dexpand", a.dexpand);
  check_extent<E>(kName, "expand", a.expand, "dexpand_bias", a.dexpand_bias);
  check_same_shape(kName, "project", a.project, "dproject", a.dproject);
}

}  // namespace cf::kernels

// Agreement of the extents of feed_forward's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/feed_forward/feed_forward.h"

namespace cf::kernels {

namespace detail {

// Of p, where a place has them from a pass of their own.
template <class T>
BatchNormStatistics<T> statistics_of(const FeedForward<T>& a) {
  return {.x = {a.p.data(), a.p.template extent<M>(), a.p.template extent<C>()},
          .mean = a.mean,
          .variance = a.variance,
          .workspace = a.workspace};
}

}  // namespace detail

template <class T>
void check(const FeedForward<T>& a) {
  constexpr auto kName = "feed_forward";
  check_same_shape(kName, "u", a.u, "p", a.p);
  check_extent<C>(kName, "u", a.u, "expand", a.expand);
  check_extent<E>(kName, "expand", a.expand, "expand_bias", a.expand_bias);
  check_extent<C>(kName, "u", a.u, "project", a.project);
  check_extent<E>(kName, "expand", a.expand, "project", a.project);
  CF_CHECK(bool{a.mean} == bool{a.variance}, kName, ": mean and variance are wanted both or not at all");
  if (a.mean) check(detail::statistics_of(a));
}

}  // namespace cf::kernels

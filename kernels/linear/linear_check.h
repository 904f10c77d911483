// Agreement of the extents of linear's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/linear/linear.h"

namespace cf::kernels {

namespace detail {

// Of y, where a place has them from a pass of their own.
template <class T>
BatchNormStatistics<T> statistics_of(const LinearForward<T>& a) {
  const C channels{a.y.template extent<K>().value};
  return {.x = {a.y.data(), a.y.template extent<M>(), channels},
          .mean = {a.mean.data(), C{a.mean.template extent<K>().value}},
          .variance = {a.variance.data(), C{a.variance.template extent<K>().value}},
          .workspace = a.workspace};
}

}  // namespace detail

template <class T>
void check(const LinearForward<T>& a) {
  constexpr auto kName = "linear forward";
  check_extent<C>(kName, "x", a.x, "weight", a.weight);
  check_extent<M>(kName, "x", a.x, "y", a.y);
  check_extent<K>(kName, "weight", a.weight, "y", a.y);
  if (a.bias) check_extent<K>(kName, "weight", a.weight, "bias", a.bias);
  CF_CHECK(bool{a.mean} == bool{a.variance}, kName, ": mean and variance are wanted both or not at all");
  if (a.mean) check(detail::statistics_of(a));
}

template <class T>
void check(const LinearBackwardInput<T>& a) {
  constexpr auto kName = "linear backward input";
  check_extent<K>(kName, "dy", a.dy, "weight", a.weight);
  check_extent<M>(kName, "dy", a.dy, "dx", a.dx);
  check_extent<C>(kName, "weight", a.weight, "dx", a.dx);
  if (!a.added) return;
  check_extent<M>(kName, "added", a.added, "dx", a.dx);
  check_extent<C>(kName, "added", a.added, "dx", a.dx);
}

template <class T>
void check(const LinearBackwardWeight<T>& a) {
  constexpr auto kName = "linear backward weight";
  check_extent<M>(kName, "x", a.x, "dy", a.dy);
  check_extent<C>(kName, "x", a.x, "dweight", a.dweight);
  check_extent<K>(kName, "dy", a.dy, "dweight", a.dweight);
  if (a.dbias) check_extent<K>(kName, "dy", a.dy, "dbias", a.dbias);
}

}  // namespace cf::kernels

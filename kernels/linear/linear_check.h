// Agreement of the extents of linear's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/linear/linear.h"

namespace cf::kernels {

template <class T>
void check(const LinearForward<T>& a) {
  constexpr auto kName = "linear forward";
  check_extent<C>(kName, "x", a.x, "weight", a.weight);
  check_extent<M>(kName, "x", a.x, "y", a.y);
  check_extent<K>(kName, "weight", a.weight, "y", a.y);
  if (a.bias) check_extent<K>(kName, "weight", a.weight, "bias", a.bias);
}

template <class T>
void check(const LinearBackwardInput<T>& a) {
  constexpr auto kName = "linear backward input";
  check_extent<K>(kName, "dy", a.dy, "weight", a.weight);
  check_extent<M>(kName, "dy", a.dy, "dx", a.dx);
  check_extent<C>(kName, "weight", a.weight, "dx", a.dx);
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

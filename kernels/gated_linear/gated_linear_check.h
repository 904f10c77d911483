// Agreement of the extents of gated_linear's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/gated_linear/gated_linear_parts.h"
#include "kernels/gated_norm/gated_norm_check.h"
#include "kernels/linear/linear_check.h"

namespace cf::kernels {

template <class T>
void check(const GatedLinearBackward<T>& a) {
  constexpr auto kName = "gated_linear backward";
  check_extent<K>(kName, "dy", a.dy, "weight", a.weight);
  check_extent<C>(kName, "weight", a.weight, "x", a.norm.x);
  const auto pixels = a.norm.x.template extent<N>().value * a.norm.x.template extent<H>().value *
                      a.norm.x.template extent<W>().value;
  CF_CHECK(a.dy.template extent<M>().value == pixels, kName, ": x has ", pixels,
           " pixels, dy has M=", a.dy.template extent<M>().value);
  check(detail::norm_of<T>(a, nullptr));
}

}  // namespace cf::kernels

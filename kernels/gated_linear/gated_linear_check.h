// Agreement of the extents of gated_linear's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/gated_linear/gated_linear_parts.h"
#include "kernels/gated_norm/gated_norm_check.h"
#include "kernels/linear/linear_check.h"

namespace cf::kernels {

namespace detail {

// What forward and backward weight hold: the norm, and a tensor with a row for each pixel.
template <class Args, class T>
void check_gated_input(std::string_view kernel, const Args& a, std::string_view rows_name,
                       const View<T, M, K>& rows) {
  check_extent<C>(kernel, "x", a.x, "scale", a.scale);
  check_extent<C>(kernel, "x", a.x, "shift", a.shift);
  check_extent<N>(kernel, "x", a.x, "gate", a.gate);
  check_extent<C>(kernel, "x", a.x, "gate", a.gate);
  const auto pixels =
      a.x.template extent<N>().value * a.x.template extent<H>().value * a.x.template extent<W>().value;
  CF_CHECK(rows.template extent<M>().value == pixels, kernel, ": x has ", pixels, " pixels, ", rows_name,
           " has M=", rows.template extent<M>().value);
}

}  // namespace detail

template <class T>
void check(const GatedLinearForward<T>& a) {
  constexpr auto kName = "gated_linear forward";
  detail::check_gated_input(kName, a, "y", a.y);
  check_extent<C>(kName, "x", a.x, "weight", a.weight);
  check_extent<K>(kName, "weight", a.weight, "y", a.y);
  CF_CHECK(bool{a.mean} == bool{a.variance}, kName, ": mean and variance are wanted both or not at all");
  if (a.mean) check(detail::statistics_of(detail::linear_of<T>(a, nullptr)));
}

template <class T>
void check(const GatedLinearBackwardWeight<T>& a) {
  constexpr auto kName = "gated_linear backward weight";
  detail::check_gated_input(kName, a, "dy", a.dy);
  check_extent<C>(kName, "x", a.x, "dweight", a.dweight);
  check_extent<K>(kName, "dy", a.dy, "dweight", a.dweight);
}

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

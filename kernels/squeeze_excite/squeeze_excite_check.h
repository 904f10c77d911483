// Agreement of the extents of squeeze_excite's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf::kernels {

namespace detail {

// What both directions hold: the image, the weights and the three values kept for backward.
template <class Args>
void check_gate(std::string_view kernel, const Args& a) {
  const auto h = a.x.template extent<H>().value, w = a.x.template extent<W>().value;
  CF_CHECK(h >= 1 && w >= 1, kernel, ": x has H=", h, " W=", w, ", must be at least 1");
  check_extent<C>(kernel, "x", a.x, "reduce_weight", a.reduce_weight);
  check_extent<C>(kernel, "x", a.x, "expand_weight", a.expand_weight);
  check_extent<D>(kernel, "reduce_weight", a.reduce_weight, "expand_weight", a.expand_weight);
  check_extent<N>(kernel, "x", a.x, "pooled", a.pooled);
  check_extent<C>(kernel, "x", a.x, "pooled", a.pooled);
  check_extent<N>(kernel, "x", a.x, "squeezed", a.squeezed);
  check_extent<D>(kernel, "reduce_weight", a.reduce_weight, "squeezed", a.squeezed);
  check_same_shape(kernel, "pooled", a.pooled, "gate", a.gate);
}

}  // namespace detail

template <class T>
void check(const SqueezeExciteForward<T>& a) {
  constexpr auto kName = "squeeze_excite forward";
  detail::check_gate(kName, a);
  check_extent<D>(kName, "reduce_weight", a.reduce_weight, "reduce_bias", a.reduce_bias);
  check_extent<C>(kName, "expand_weight", a.expand_weight, "expand_bias", a.expand_bias);
  if (a.y) check_same_shape(kName, "x", a.x, "y", a.y);
}

template <class T>
void check(const SqueezeExciteBackward<T>& a) {
  constexpr auto kName = "squeeze_excite backward";
  detail::check_gate(kName, a);
  check_same_shape(kName, "x", a.x, "dy", a.dy);
  check_same_shape(kName, "x", a.x, "dx", a.dx);
  check_same_shape(kName, "reduce_weight", a.reduce_weight, "dreduce_weight", a.dreduce_weight);
  check_same_shape(kName, "expand_weight", a.expand_weight, "dexpand_weight", a.dexpand_weight);
  check_extent<D>(kName, "reduce_weight", a.reduce_weight, "dreduce_bias", a.dreduce_bias);
  check_extent<C>(kName, "expand_weight", a.expand_weight, "dexpand_bias", a.dexpand_bias);
}

}  // namespace cf::kernels

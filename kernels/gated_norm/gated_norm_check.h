// Agreement of the extents of gated_norm's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/squeeze_excite/squeeze_excite_check.h"

namespace cf::kernels {

template <class T>
void check(const GatedNormGates<T>& a) {
  constexpr auto kName = "gated_norm gates";
  detail::check_gate(kName, a);
  check_extent<C>(kName, "x", a.x, "scale", a.scale);
  check_extent<C>(kName, "x", a.x, "shift", a.shift);
  check_extent<D>(kName, "reduce_weight", a.reduce_weight, "reduce_bias", a.reduce_bias);
  check_extent<C>(kName, "expand_weight", a.expand_weight, "expand_bias", a.expand_bias);
}

template <class T>
void check(const GatedNormApply<T>& a) {
  constexpr auto kName = "gated_norm apply";
  check_extent<C>(kName, "x", a.x, "scale", a.scale);
  check_extent<C>(kName, "x", a.x, "shift", a.shift);
  check_extent<N>(kName, "x", a.x, "gate", a.gate);
  check_extent<C>(kName, "x", a.x, "gate", a.gate);
  check_same_shape(kName, "x", a.x, "y", a.y);
}

template <class T>
void check(const GatedNormBackward<T>& a) {
  constexpr auto kName = "gated_norm backward";
  detail::check_gate(kName, a);
  check_same_shape(kName, "x", a.x, "dy", a.dy);
  check_same_shape(kName, "x", a.x, "dx", a.dx);
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "rstd", a.rstd);
  check_extent<C>(kName, "x", a.x, "gamma", a.gamma);
  check_extent<C>(kName, "x", a.x, "bias", a.bias);
  check_extent<C>(kName, "x", a.x, "dgamma", a.dgamma);
  check_extent<C>(kName, "x", a.x, "dbias", a.dbias);
  check_same_shape(kName, "reduce_weight", a.reduce_weight, "dreduce_weight", a.dreduce_weight);
  check_same_shape(kName, "expand_weight", a.expand_weight, "dexpand_weight", a.dexpand_weight);
  check_extent<D>(kName, "reduce_weight", a.reduce_weight, "dreduce_bias", a.dreduce_bias);
  check_extent<C>(kName, "expand_weight", a.expand_weight, "dexpand_bias", a.dexpand_bias);
}

}  // namespace cf::kernels

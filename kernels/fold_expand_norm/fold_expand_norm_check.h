// Agreement of the extents of fold_expand_norm's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/base/check_square.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"

namespace cf::kernels {

namespace detail {

// What both directions share: the extents C and E are those of expand.
template <class Args>
void check_expand_norm(std::string_view kernel, const Args& a) {
  check_extent<C>(kernel, "expand", a.expand, "mean", a.mean);
  check_extent<C>(kernel, "expand", a.expand, "covariance", a.covariance);
  check_square(kernel, "covariance", a.covariance);
  check_extent<E>(kernel, "expand", a.expand, "gamma", a.gamma);
  check_extent<E>(kernel, "expand", a.expand, "hidden_variance", a.hidden_variance);
}

}  // namespace detail

template <class T>
void check(const ExpandInputShift<T>& a) {
  constexpr auto kName = "fold_expand_norm shift";
  check_extent<C>(kName, "mean", a.mean, "variance", a.variance);
  check_extent<C>(kName, "mean", a.mean, "shift", a.shift);
}

template <class T>
void check(const FoldExpandNorm<T>& a) {
  constexpr auto kName = "fold_expand_norm";
  detail::check_expand_norm(kName, a);
  check_extent<C>(kName, "expand", a.expand, "input_mean", a.input_mean);
  check_extent<E>(kName, "expand", a.expand, "beta", a.beta);
  check_extent<E>(kName, "expand", a.expand, "folded", a.folded);
  check_extent<C>(kName, "expand", a.expand, "folded", a.folded);
  check_extent<E>(kName, "expand", a.expand, "folded_bias", a.folded_bias);
  check_extent<E>(kName, "expand", a.expand, "hidden_mean", a.hidden_mean);
}

template <class T>
void check(const FoldExpandNormBackward<T>& a) {
  constexpr auto kName = "fold_expand_norm backward";
  detail::check_expand_norm(kName, a);
  CF_CHECK(a.rows > 0, kName, ": rows is ", a.rows, ", must be positive");
  check_same_shape(kName, "expand", a.expand, "dfolded", a.dfolded);
  check_extent<E>(kName, "expand", a.expand, "dfolded_bias", a.dfolded_bias);
  check_same_shape(kName, "expand", a.expand, "dexpand", a.dexpand);
  check_extent<E>(kName, "expand", a.expand, "dgamma", a.dgamma);
  check_extent<E>(kName, "expand", a.expand, "dbeta", a.dbeta);
  check_extent<C>(kName, "covariance", a.covariance, "slope", a.slope);
  check_extent<K>(kName, "covariance", a.covariance, "slope", a.slope);
}

}  // namespace cf::kernels

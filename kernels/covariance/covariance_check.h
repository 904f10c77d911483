// Agreement of the extents of covariance's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/covariance/covariance.h"

namespace cf::kernels {

namespace detail {

template <class Square>
void check_square(std::string_view kernel, std::string_view name, const Square& square) {
  const auto c = square.template extent<C>().value, k = square.template extent<K>().value;
  CF_CHECK(c == k, kernel, ": ", name, " has C=", c, " and K=", k, ", must be equal");
}

}  // namespace detail

template <class T>
void check(const Covariance<T>& a) {
  constexpr auto kName = "covariance";
  const M count = a.x.template extent<M>();
  CF_CHECK_AS(ErrorKind::Usage, count > M{1},
              "batch norm needs more than one value per channel in training (N*H*W = ", count.value, ")");
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "covariance", a.covariance);
  detail::check_square(kName, "covariance", a.covariance);
}

template <class T>
void check(const CovarianceBackward<T>& a) {
  constexpr auto kName = "covariance backward";
  check_same_shape(kName, "x", a.x, "dx", a.dx);
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "dmean", a.dmean);
  check_extent<C>(kName, "x", a.x, "dcovariance", a.dcovariance);
  detail::check_square(kName, "dcovariance", a.dcovariance);
}

}  // namespace cf::kernels

// Agreement of the extents of covariance's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/base/check_square.h"
#include "kernels/covariance/covariance.h"

namespace cf::kernels {

template <class T>
void check(const Covariance<T>& a) {
  constexpr auto kName = "covariance";
  const M count = a.x.template extent<M>();
  CF_CHECK_AS(ErrorKind::Usage, count > M{1},
              "batch norm needs more than one value per channel in training (N*H*W = ", count.value, ")");
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "covariance", a.covariance);
  check_square(kName, "covariance", a.covariance);
}

template <class T>
void check(const CovarianceBackward<T>& a) {
  constexpr auto kName = "covariance backward";
  check_same_shape(kName, "x", a.x, "dx", a.dx);
  check_extent<C>(kName, "x", a.x, "mean", a.mean);
  check_extent<C>(kName, "x", a.x, "dmean", a.dmean);
  check_extent<C>(kName, "x", a.x, "dcovariance", a.dcovariance);
  check_square(kName, "dcovariance", a.dcovariance);
}

}  // namespace cf::kernels

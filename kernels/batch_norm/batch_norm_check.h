// What every place checks before it runs a batch norm.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/training_parts.h"

namespace cf::kernels {

template <class T>
void check(const BatchNormStatistics<T>& args) {
  constexpr auto kName = "batch norm statistics";
  const M count = args.x.template extent<M>();
  CF_CHECK_AS(ErrorKind::Usage, count > M{1},
              "batch norm needs more than one value per channel in training (N*H*W = ", count.value, ")");
  check_extent<C>(kName, "mean", args.mean, "x", args.x);
  check_extent<C>(kName, "variance", args.variance, "x", args.x);
}

template <class T>
void check(const BatchNormFold<T>& args) {
  constexpr auto kName = "batch norm fold";
  check_same_shape(kName, "variance", args.variance, "mean", args.mean);
  check_same_shape(kName, "gamma", args.gamma, "mean", args.mean);
  check_same_shape(kName, "bias", args.bias, "mean", args.mean);
  check_same_shape(kName, "scale", args.scale, "mean", args.mean);
  check_same_shape(kName, "shift", args.shift, "mean", args.mean);
  if (args.rstd) check_same_shape(kName, "rstd", args.rstd, "mean", args.mean);
}

template <class T>
void check(const BatchNormTraining<T>& args) {
  check(detail::statistics_of(args));
  check(detail::fold_of(args));
  check_same_shape("batch norm training", "batch_mean", args.batch_mean, "mean", args.mean);
  check_same_shape("batch norm training", "batch_variance", args.batch_variance, "mean", args.mean);
}

template <class T>
void check(const BatchNormApply<T>& args) {
  constexpr auto kName = "batch norm apply";
  check_extent<C>(kName, "scale", args.scale, "x", args.x);
  check_extent<C>(kName, "shift", args.shift, "x", args.x);
  check_same_shape(kName, "y", args.y, "x", args.x);
}

template <class T>
void check(const BatchNormBackward<T>& args) {
  constexpr auto kName = "batch norm backward";
  if (args.kept) {
    const std::int64_t rows = args.x.template extent<M>().value, samples = args.kept.size();
    const std::int64_t dy_rows = args.dy.template extent<M>().value;
    CF_CHECK(
        samples > 0 && rows % samples == 0 && rows > 0 && dy_rows % (rows / samples) == 0 && rows <= dy_rows,
        kName, ": x has ", rows, " rows of ", samples, " kept samples, dy ", dy_rows, " of all samples");
    CF_CHECK(args.activation == Activation::None, kName, ": kept samples and an activation");
    check_extent<C>(kName, "dy", args.dy, "x", args.x);
  } else {
    check_same_shape(kName, "dy", args.dy, "x", args.x);
  }
  check_same_shape(kName, "dx", args.dx, "x", args.x);
  check_extent<C>(kName, "mean", args.mean, "x", args.x);
  check_extent<C>(kName, "rstd", args.rstd, "x", args.x);
  check_extent<C>(kName, "gamma", args.gamma, "x", args.x);
  check_extent<C>(kName, "bias", args.bias, "x", args.x);
  check_extent<C>(kName, "dgamma", args.dgamma, "x", args.x);
  check_extent<C>(kName, "dbias", args.dbias, "x", args.x);
}

template <class T>
void check(const RunningUpdate<T>& args) {
  check_same_shape("running statistics", "running", args.running, "batch", args.batch);
}

}  // namespace cf::kernels

// The parts of BatchNormTraining, one after another: what the places run that do not join them.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/collect_statistics.h"

namespace cf::kernels::detail {

template <class T>
BatchNormStatistics<T> statistics_of(const BatchNormTraining<T>& a) {
  return {.x = a.x, .mean = a.mean, .variance = a.variance, .workspace = a.workspace};
}

template <class T>
BatchNormFold<T> fold_of(const BatchNormTraining<T>& a) {
  return {.mean = a.mean,
          .variance = a.variance,
          .gamma = a.gamma,
          .bias = a.bias,
          .eps = a.eps,
          .rstd = a.rstd,
          .scale = a.scale,
          .shift = a.shift};
}

template <class T>
CollectStatistics<Wide<T>> collect_of(const BatchNormTraining<T>& a) {
  return {.mean = a.mean,
          .variance = a.variance,
          .count = a.x.template extent<M>().value,
          .share = a.share,
          .accumulate = a.accumulate,
          .batch_mean = a.batch_mean,
          .batch_variance = a.batch_variance};
}

template <class Place, class T>
void run_parts(Place place, const BatchNormTraining<T>& a) {
  if (!a.has_statistics) batch_norm(place, statistics_of(a));
  batch_norm(place, fold_of(a));
  collect_statistics(place, collect_of(a));
}

}  // namespace cf::kernels::detail

// Agreement of the extents of fold_batch_norms's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/base/check_square.h"
#include "kernels/batch_norm/collect_statistics.h"
#include "kernels/fold_batch_norms/fold_batch_norms.h"

namespace cf::kernels {

namespace detail {

// What both directions share: the extents C and E are those of expand.
template <class Args>
void check_folding(std::string_view kernel, const Args& a) {
  check_extent<C>(kernel, "expand", a.expand, "mean", a.mean);
  check_extent<C>(kernel, "expand", a.expand, "covariance", a.covariance);
  check_square(kernel, "covariance", a.covariance);
  check_extent<C>(kernel, "expand", a.expand, "conv_gamma", a.conv_gamma);
  check_extent<E>(kernel, "expand", a.expand, "expand_gamma", a.expand_gamma);
  check_extent<E>(kernel, "expand", a.expand, "hidden_variance", a.hidden_variance);
}

// Both norms' statistics, behind the fold, at the places of the host.
template <class Place, class T>
void collect_both(Place place, const FoldBatchNorms<T>& a) {
  const CollectBothNorms<T>& to = a.collected;
  if (to.count == 0) return;
  const auto collect = [&](const auto& mean, const auto& variance, const auto& batch_mean,
                           const auto& batch_variance) {
    const auto channels = [](const auto& view) { return View<Wide<T>, C>(view.data(), C{view.size()}); };
    collect_statistics(place, CollectStatistics<Wide<T>>{.mean = channels(mean),
                                                         .variance = channels(variance),
                                                         .count = to.count,
                                                         .share = to.share,
                                                         .accumulate = to.accumulate,
                                                         .batch_mean = channels(batch_mean),
                                                         .batch_variance = channels(batch_variance)});
  };
  collect(a.conv_mean, a.conv_variance, to.conv_mean, to.conv_variance);
  collect(a.hidden_mean, a.hidden_variance, to.hidden_mean, to.hidden_variance);
}

}  // namespace detail

template <class T>
void check(const FoldBatchNorms<T>& a) {
  constexpr auto kName = "fold_batch_norms";
  detail::check_folding(kName, a);
  check_extent<C>(kName, "expand", a.expand, "conv_beta", a.conv_beta);
  check_extent<E>(kName, "expand", a.expand, "expand_beta", a.expand_beta);
  check_extent<E>(kName, "expand", a.expand, "folded", a.folded);
  check_extent<C>(kName, "expand", a.expand, "folded", a.folded);
  check_extent<E>(kName, "expand", a.expand, "folded_bias", a.folded_bias);
  check_extent<C>(kName, "expand", a.expand, "bias", a.bias);
  check_extent<C>(kName, "expand", a.expand, "conv_mean", a.conv_mean);
  check_extent<C>(kName, "expand", a.expand, "conv_variance", a.conv_variance);
  check_extent<E>(kName, "expand", a.expand, "hidden_mean", a.hidden_mean);
  if (a.collected.count == 0) return;
  check_extent<C>(kName, "expand", a.expand, "collected.conv_mean", a.collected.conv_mean);
  check_extent<C>(kName, "expand", a.expand, "collected.conv_variance", a.collected.conv_variance);
  check_extent<E>(kName, "expand", a.expand, "collected.hidden_mean", a.collected.hidden_mean);
  check_extent<E>(kName, "expand", a.expand, "collected.hidden_variance", a.collected.hidden_variance);
}

template <class T>
void check(const FoldBatchNormsBackward<T>& a) {
  constexpr auto kName = "fold_batch_norms backward";
  detail::check_folding(kName, a);
  check_extent<E>(kName, "expand", a.expand, "folded", a.folded);
  check_extent<C>(kName, "expand", a.expand, "folded", a.folded);
  check_same_shape(kName, "expand", a.expand, "dfolded", a.dfolded);
  check_extent<E>(kName, "expand", a.expand, "dfolded_bias", a.dfolded_bias);
  check_same_shape(kName, "expand", a.expand, "dexpand", a.dexpand);
  check_extent<C>(kName, "expand", a.expand, "dconv_gamma", a.dconv_gamma);
  check_extent<C>(kName, "expand", a.expand, "dconv_beta", a.dconv_beta);
  check_extent<E>(kName, "expand", a.expand, "dexpand_gamma", a.dexpand_gamma);
  check_extent<E>(kName, "expand", a.expand, "dexpand_beta", a.dexpand_beta);
  check_extent<C>(kName, "expand", a.expand, "dmean", a.dmean);
  check_same_shape(kName, "covariance", a.covariance, "dcovariance", a.dcovariance);
}

}  // namespace cf::kernels

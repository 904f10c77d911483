// The target of one sample, and what is checked before a loss runs: check_extents at every place, check where
// the host can read the labels.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/base/labels.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace cf::kernels {

// Smoothed target of class k of sample n, from the label or from the soft targets.
template <class T>
Wide<T> target_of(const ClassificationTarget<T>& target, N n, K k, K classes) {
  const auto smoothing = static_cast<Wide<T>>(target.smoothing);
  const Wide<T> hard = target.labels ? Wide<T>(target.labels(n) == k.value) : target.soft_targets(n, k);
  return (1 - smoothing) * hard + smoothing / static_cast<Wide<T>>(classes.value);
}

template <class T>
void check_target_extents(const ClassificationTarget<T>& target, const View<const T, N, K>& logits) {
  CF_CHECK(bool{target.labels} != bool{target.soft_targets},
           "cross_entropy: give labels or soft targets, not both and not none");
  CF_CHECK(target.smoothing >= 0 && target.smoothing <= 1, "cross_entropy: smoothing is ", target.smoothing,
           ", must be in [0, 1]");
  if (target.labels) {
    check_extent<N>("cross_entropy", "labels", target.labels, "logits", logits);
  } else {
    check_same_shape("cross_entropy", "soft_targets", target.soft_targets, "logits", logits);
  }
}

template <class T>
void check_extents(const LossForward<T>& args) {
  check_target_extents(args.target, args.logits);
  check_extent<N>("cross_entropy", "sample_loss", args.sample_loss, "logits", args.logits);
  CF_CHECK(args.mean_loss.size() == 1, "cross_entropy: mean_loss has I=", args.mean_loss.size(),
           ", must be 1");
}

template <class T>
void check_extents(const LossBackward<T>& args) {
  check_target_extents(args.target, args.logits);
  check_same_shape("cross_entropy", "dlogits", args.dlogits, "logits", args.logits);
  CF_CHECK(args.dloss.size() == 1, "cross_entropy: dloss has I=", args.dloss.size(), ", must be 1");
}

template <class Args>
void check(const Args& args) {
  check_extents(args);
  if (args.target.labels) {
    check_labels("cross_entropy", args.target.labels, args.logits.template extent<K>());
  }
}

}  // namespace cf::kernels

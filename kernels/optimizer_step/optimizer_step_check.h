// What is checked before an optimizer rule runs: check_extents at every place, check where the host can read
// the segments.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/optimizer_step/optimizer_step.h"

namespace cf::kernels {

inline void check_segments(std::span<const Segment> segments, I bucket) {
  std::int64_t index = 0;
  for (const Segment& segment : segments) {
    CF_CHECK(segment.offset >= 0 && segment.length >= 0 && segment.length <= bucket.value - segment.offset,
             "optimizer_step: segment ", index, " covers ", segment.length, " elements from ", segment.offset,
             ", must lie in the bucket of I = ", bucket.value);
    ++index;
  }
}

template <class T>
void check_extents(const SgdStep<T>& args) {
  check_same_shape("optimizer_step", "gradients", args.gradients, "weights", args.weights);
  check_same_shape("optimizer_step", "velocity", args.velocity, "weights", args.weights);
}

template <class T>
void check(const SgdStep<T>& args) {
  check_extents(args);
  check_segments(args.segments, args.weights.template extent<I>());
}

template <class T>
void check_extents(const AdamWStep<T>& args) {
  check_same_shape("optimizer_step", "gradients", args.gradients, "weights", args.weights);
  check_same_shape("optimizer_step", "first_moment", args.first_moment, "weights", args.weights);
  check_same_shape("optimizer_step", "second_moment", args.second_moment, "weights", args.weights);
}

template <class T>
void check(const AdamWStep<T>& args) {
  check_extents(args);
  check_segments(args.segments, args.weights.template extent<I>());
}

template <class T>
void check_extents(const RmspropStep<T>& args) {
  check_same_shape("optimizer_step", "gradients", args.gradients, "weights", args.weights);
  check_same_shape("optimizer_step", "second_moment", args.second_moment, "weights", args.weights);
  check_same_shape("optimizer_step", "velocity", args.velocity, "weights", args.weights);
}

template <class T>
void check(const RmspropStep<T>& args) {
  check_extents(args);
  check_segments(args.segments, args.weights.template extent<I>());
}

template <class T>
void check(const EmaStep<T>& args) {
  check_same_shape("optimizer_step", "average", args.average, "weights", args.weights);
}

template <class T>
void check_extents(const GradientNorm<T>& args) {
  CF_CHECK(args.norm.size() == 1, "optimizer_step: norm has I=", args.norm.size(), ", must be 1");
}

template <class T>
void check(const GradientNorm<T>& args) {
  check_extents(args);
  check_segments(args.segments, args.gradients.template extent<I>());
}

template <class T>
void check(const DecideStep<T>& args) {
  CF_CHECK(args.norm.size() == 1, "optimizer_step: norm has I=", args.norm.size(), ", must be 1");
  CF_CHECK(args.loss_weight.size() == 1, "optimizer_step: loss_weight has I=", args.loss_weight.size(),
           ", must be 1");
}

template <class T>
void check(const ClipGradients<T>& args) {
  CF_CHECK(args.norm.size() == 1, "optimizer_step: norm has I=", args.norm.size(), ", must be 1");
  CF_CHECK(args.max_norm > 0, "optimizer_step: max_norm is ", args.max_norm, ", must be positive");
}

}  // namespace cf::kernels

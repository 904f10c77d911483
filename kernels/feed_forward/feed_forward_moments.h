// The end of feed_forward's statistics at place Cuda: those of parts of the pixels joined.
#pragma once

#include "kernels/base/place.h"

namespace cf::kernels::detail {

// Of the parts: their means [parts, channels], their sums of squared deviations [parts, channels] and their
// numbers of pixels [parts], one behind the other. mean and variance (biased): [channels].
struct PartialMoments {
  const float* data;
  int parts, channels;
};

constexpr std::int64_t partial_moments_size(std::int64_t parts, std::int64_t channels) {
  return parts * (2 * channels + 1);
}

void join_moments(Cuda, const PartialMoments&, float* mean, float* variance);

}  // namespace cf::kernels::detail

// Statistics taken where a tensor is written, at place Cuda: those of parts of its rows joined.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/base/place.h"

namespace cf::kernels::detail {

// Of the parts: their means [parts, channels], their sums of squared deviations [parts, channels] and their
// numbers of rows [parts], one behind the other. mean and variance (biased): [channels].
struct PartialMoments {
  const float* data;
  int parts, channels;
};

constexpr std::int64_t partial_moments_size(std::int64_t parts, std::int64_t channels) {
  return parts * (2 * channels + 1);
}

// `name`: of the kernel that wrote the tensor, for errors.
void join_moments(Cuda, std::string_view name, const PartialMoments&, float* mean, float* variance);

}  // namespace cf::kernels::detail

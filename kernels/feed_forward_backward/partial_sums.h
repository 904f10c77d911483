// The gradients of weights and bias at place Cuda: blocks that go through different pixels write sums of
// their own, which are then added in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/base/place.h"

namespace cf::kernels::feed_forward_backward {

inline constexpr auto kName = "feed_forward backward";

// Slices of the pixels that are summed on their own where the hidden channels are cut into `groups`: enough
// pieces of work for the multiprocessors of a large GPU, or for those that place allows. Not those of this
// GPU: the order of sums must not depend on it.
inline int slice_count(Cuda place, std::int64_t groups, std::int64_t tiles) {
  constexpr int kPieces = 132, kFewestTiles = 4;
  const std::int64_t pieces = place.sm_limit > 0 ? std::min(place.sm_limit, kPieces) : kPieces;
  return static_cast<int>(
      std::clamp<std::int64_t>(pieces / groups, 1, std::max<std::int64_t>(tiles / kFewestTiles, 1)));
}

struct PartialSums {
  float *dexpand, *dproject;  // [slices][hidden][channels] both
  float* dexpand_bias;        // [slices][hidden]
  int slices, hidden, channels;

  static std::size_t floats(std::int64_t slices, std::int64_t hidden, std::int64_t channels) {
    return static_cast<std::size_t>(slices * hidden * (2 * channels + 1));
  }
  PartialSums(float* memory, int slice_total, int hidden_total, int channel_total)
      : dexpand(memory),
        dproject(dexpand + std::int64_t{slice_total} * hidden_total * channel_total),
        dexpand_bias(dproject + std::int64_t{slice_total} * hidden_total * channel_total),
        slices(slice_total),
        hidden(hidden_total),
        channels(channel_total) {}
};

struct WeightGradients {
  float *dexpand, *dexpand_bias, *dproject;
  float accumulate;
};

// In the order of the slices, whatever the GPU.
void add_partial_sums(Cuda place, const PartialSums& partial, const WeightGradients& to);

}  // namespace cf::kernels::feed_forward_backward

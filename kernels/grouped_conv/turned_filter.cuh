// The filter's gradient from a tile whose slots hold dy and whose pixels hold x.
#pragma once

#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_weight_sums.cuh"

namespace cf::kernels {

// The sums of a group, whose taps are turned by 180 degrees and whose rows are the channels of x, as
// [8, 3, 3, 8].
__device__ inline void store_turned_filter(const LaneSums& total, int lane, float* to) {
  const int channel = lane / 4, first_output = lane % 4 * 2;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      to[((first_output + i) * kTaps + kTaps - 1 - tap) * kGroupWidth + channel] = total[tap][i];
    }
  }
}

}  // namespace cf::kernels

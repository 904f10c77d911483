#include "kernels/batch_norm/column_slices.cuh"
#include "kernels/feed_forward/feed_forward_moments.h"

namespace cf::kernels::detail {

namespace {

// In the parts' order but for the lanes; distances are from the first part's mean.
__global__ void __launch_bounds__(kFinishThreads)
    join_moments_kernel(PartialMoments partial, float* mean, float* variance) {
  const auto c = static_cast<int>(finish_channel());
  const float* const squares = partial.data + partial.parts * partial.channels;
  const float* const counts = squares + partial.parts * partial.channels;
  float first = 0, sums[4] = {0, 0, 0, 0};  // pixels; of distances, their squares, squares within the parts
  if (c < partial.channels) {
    first = partial.data[c];
    for (int part = static_cast<int>(threadIdx.y); part < partial.parts; part += kFinishLanes) {
      const int i = part * partial.channels + c;
      const float count = counts[part], distance = partial.data[i] - first;
      sums[0] += count;
      sums[1] += count * distance;
      sums[2] += count * distance * distance;
      sums[3] += squares[i];
    }
  }
  add_finish_lanes(sums);
  if (threadIdx.y != 0 || c >= partial.channels) return;
  const float distance = sums[1] / sums[0], between = sums[2] - sums[1] * distance;
  mean[c] = first + distance;
  variance[c] = (sums[3] + (between < 0 ? 0 : between)) / sums[0];  // NaN stays NaN
}

}  // namespace

void join_moments(Cuda place, const PartialMoments& partial, float* mean, float* variance) {
  launch("feed_forward, statistics", join_moments_kernel, finish_shape(partial.channels), place, partial,
         mean, variance);
}

}  // namespace cf::kernels::detail

#include "kernels/batch_norm/column_slices.cuh"
#include "kernels/batch_norm/partial_moments.h"
#include "kernels/batch_norm/row_moments.cuh"

namespace cf::kernels::detail {

namespace {

// In the parts' order but for the lanes; distances are from the first part's mean.
__global__ void __launch_bounds__(kFinishThreads)
    join_moments_kernel(PartialMoments partial, float* mean, float* variance) {
  const auto c = static_cast<int>(finish_channel());
  const float* const squares = partial.data + partial.parts * partial.channels;
  const float* const counts = squares + partial.parts * partial.channels;
  float first = 0, sums[4] = {0, 0, 0, 0};  // rows; of distances, their squares, squares within the parts
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
  variance[c] = (sums[3] + positive_or_nan(between)) / sums[0];
}

}  // namespace

void join_moments(Cuda place, std::string_view name, const PartialMoments& partial, float* mean,
                  float* variance) {
  launch(concat(name, ", statistics"), join_moments_kernel, finish_shape(partial.channels), place, partial,
         mean, variance);
}

}  // namespace cf::kernels::detail

#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/feed_forward_backward/partial_sums.h"

namespace cf::kernels::feed_forward_backward {

namespace {

constexpr int kSumPacks = 32, kSumParts = 8;  // of a block: packs of 4 values, parts of the slices

// A thread adds every kSumParts-th slice of 4 neighbouring values; the first part adds the others.
__global__ void add_partial_sums_kernel(PartialSums partial, WeightGradients to) {
  using Values = Pack<float, 4>;
  __shared__ Values shared[kSumParts][kSumPacks];
  const int matrix = partial.hidden * partial.channels / 4, row = partial.hidden / 4;
  const int pack = static_cast<int>(blockIdx.x) * kSumPacks + static_cast<int>(threadIdx.x);
  const int part = static_cast<int>(threadIdx.y);
  const bool valid = pack < 2 * matrix + row, is_matrix = pack < 2 * matrix;
  const int index = pack < matrix ? pack : is_matrix ? pack - matrix : pack - 2 * matrix;
  Values sum = {};
  if (valid) {
    const float* from = (pack < matrix ? partial.dexpand
                         : is_matrix   ? partial.dproject
                                       : partial.dexpand_bias) +
                        std::int64_t{index} * 4;
    const std::int64_t stride = (is_matrix ? matrix : row) * std::int64_t{4};
#pragma unroll 4
    for (int slice = part; slice < partial.slices; slice += kSumParts) {
      const auto values = load_pack<float, 4>(from + slice * stride);
#pragma unroll
      for (int i = 0; i < 4; ++i) sum.value[i] += values.value[i];
    }
  }
  shared[part][threadIdx.x] = sum;
  __syncthreads();
  if (part != 0 || !valid) return;
  for (int other = 1; other < kSumParts; ++other) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sum.value[i] += shared[other][threadIdx.x].value[i];
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int element = index * 4 + i;
    if (pack < matrix) {
      to.dexpand[element] = sum.value[i];
    } else if (is_matrix) {
      const int e = element / partial.channels, c = element % partial.channels;
      float& total = to.dproject[c * partial.hidden + e];
      total = to.accumulate == 0 ? sum.value[i] : to.accumulate * total + sum.value[i];
    } else {
      to.dexpand_bias[element] = sum.value[i];
    }
  }
}

}  // namespace

void add_partial_sums(Cuda place, const PartialSums& partial, const WeightGradients& to) {
  const std::int64_t packs = std::int64_t{partial.hidden} * (2 * partial.channels + 1) / 4;
  launch(kName, add_partial_sums_kernel,
         {.grid = static_cast<unsigned>((packs + kSumPacks - 1) / kSumPacks),
          .block = dim3(kSumPacks, kSumParts)},
         place, partial, to);
}

}  // namespace cf::kernels::feed_forward_backward

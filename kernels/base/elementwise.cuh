// Walking over memory on the device in packs of 16 bytes: over a flat buffer, or over the rows of a matrix
// whose columns are channels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"

namespace cf {

inline constexpr int kElementwiseThreads = 256;  // of a block

// Index of this thread along x, and the number of threads.
__device__ inline std::int64_t thread_index() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline std::int64_t thread_count() { return std::int64_t{gridDim.x} * blockDim.x; }

// Calls body<n>(first) for the full packs of this thread, and body<1>(i) for the elements behind the last.
template <int n, class Body>
__device__ inline void for_each_pack_of_thread(std::int64_t size, const Body& body) {
  const std::int64_t packs = size / n, thread = thread_index();
  for (std::int64_t pack = thread; pack < packs; pack += thread_count()) {
    body.template operator()<n>(pack * n);
  }
  if (thread < size - packs * n) body.template operator()<1>(packs * n + thread);
}

inline LaunchShape flat_shape(std::int64_t size, int n) {
  return {.grid = dim3(grid_for((size + n - 1) / n, kElementwiseThreads)),
          .block = dim3(kElementwiseThreads)};
}

// What a thread visits in a matrix of channels: always the same n channels, so that it loads what belongs to
// them once, in every stride-th row. Neighbouring threads visit neighbouring packs.
struct ChannelWalk {
  std::int64_t channel, first_row, stride;
};

// Needs at least channels / n threads along x; `n` divides channels. Threads left over start behind all rows.
template <int n>
__device__ inline ChannelWalk channel_walk(std::int64_t channels, std::int64_t rows) {
  const auto packs = static_cast<std::uint32_t>(channels / n);
  const auto thread = static_cast<std::uint32_t>(thread_index());
  const std::uint32_t stride = static_cast<std::uint32_t>(thread_count()) / packs;
  const std::uint32_t row = thread / packs;
  return {std::int64_t{thread % packs} * n, row < stride ? std::int64_t{row} : rows, std::int64_t{stride}};
}

// Blocks along x for a channel_walk.
inline unsigned channel_walk_blocks(std::int64_t rows, std::int64_t channels, int n) {
  const std::int64_t packs = channels / n;
  const auto for_one_row = static_cast<unsigned>((packs + kElementwiseThreads - 1) / kElementwiseThreads);
  return rows == 0 ? 0 : std::max(grid_for(rows * packs, kElementwiseThreads), for_one_row);
}

}  // namespace cf

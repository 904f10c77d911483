// Reductions over the rows of an M x C matrix: one value per channel. The rows are cut into slices; a block
// reduces one slice of some channels into the workspace, and lanes for each channel finish over the slices.
// Every step has a fixed order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/elementwise.cuh"
#include "kernels/base/view.h"

namespace cf::kernels {

inline constexpr int kColumnThreads = 256;  // of a block: a power of two, for the tree over its rows
inline constexpr int kFinishChannels = 8, kFinishLanes = 128;  // of a block that finishes
inline constexpr int kFinishThreads = kFinishChannels * kFinishLanes;

struct ColumnSlices {
  std::int64_t rows, channels, count, rows_per_slice;

  CF_HOST_DEVICE std::int64_t first_row(std::int64_t slice) const { return slice * rows_per_slice; }
  CF_HOST_DEVICE std::int64_t last_row(std::int64_t slice) const {
    return first_row(slice) + rows_per_slice < rows ? first_row(slice) + rows_per_slice : rows;
  }
};

// From the shape alone, so that a device's size does not decide an order of sums: for most shapes about as
// many slices as make one wave of blocks on a Hopper GPU, where a block has 32 packs of 8 channels.
inline ColumnSlices column_slices(std::int64_t rows, std::int64_t channels) {
  constexpr std::int64_t kFewestRows = 64, kFewestElements = 8192, kMostSlices = 396, kManyChannels = 256;
  if (rows == 0 || channels == 0) return {rows, channels, 0, 0};
  const std::int64_t wanted_rows = std::max(kFewestRows, kFewestElements / channels);
  const std::int64_t most = std::clamp(kMostSlices * kManyChannels / channels, std::int64_t{33}, kMostSlices);
  const std::int64_t slices = std::clamp((rows + wanted_rows - 1) / wanted_rows, std::int64_t{1}, most);
  const std::int64_t rows_per_slice = (rows + slices - 1) / slices;
  return {rows, channels, (rows + rows_per_slice - 1) / rows_per_slice, rows_per_slice};
}

// Blocks of threads (packs of n channels, rows): x covers at most a warp's width of packs, y the rest.
inline LaunchShape column_shape(const ColumnSlices& slices, int n) {
  const std::int64_t packs = slices.channels / n;
  unsigned width = 1;
  while (width < packs && width < 32) width *= 2;
  return {
      .grid = dim3(static_cast<unsigned>((packs + width - 1) / width), static_cast<unsigned>(slices.count)),
      .block = dim3(width, kColumnThreads / width)};
}

// Blocks of threads (channels, lanes): neighbouring threads read neighbouring channels of a slice, a whole
// sector.
inline LaunchShape finish_shape(std::int64_t channels) {
  return {.grid = dim3(static_cast<unsigned>((channels + kFinishChannels - 1) / kFinishChannels)),
          .block = dim3(kFinishChannels, kFinishLanes)};
}

__device__ inline std::int64_t finish_channel() {
  return std::int64_t{blockIdx.x} * kFinishChannels + threadIdx.x;
}

// Adds the sums of the lanes of a channel: lane 0 gets them.
template <int n>
__device__ inline void add_finish_lanes(float (&sums)[n]) {
  __shared__ float shared[n][kFinishLanes][kFinishChannels];
#pragma unroll
  for (int i = 0; i < n; ++i) shared[i][threadIdx.y][threadIdx.x] = sums[i];
  for (unsigned lanes = kFinishLanes / 2; lanes > 0; lanes /= 2) {
    __syncthreads();
    if (threadIdx.y >= lanes) continue;
#pragma unroll
    for (int i = 0; i < n; ++i)
      shared[i][threadIdx.y][threadIdx.x] += shared[i][threadIdx.y + lanes][threadIdx.x];
  }
#pragma unroll
  for (int i = 0; i < n; ++i) sums[i] = shared[i][threadIdx.y][threadIdx.x];
}

// What a thread reduces: n channels in some rows of a slice. The last slices come first: what the kernel
// before wrote last may still be in the L2 cache. A thread without channels has no rows, but takes part in
// the barriers.
struct ColumnTile {
  std::int64_t channel, first_row, last_row, slice;
  bool has_channels;
};

template <int n>
__device__ inline ColumnTile column_tile(const ColumnSlices& slices) {
  const std::int64_t channel = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * n;
  const std::int64_t slice = slices.count - 1 - std::int64_t{blockIdx.y};
  const bool has_channels = channel < slices.channels;
  return {channel, slices.first_row(slice) + threadIdx.y, has_channels ? slices.last_row(slice) : 0, slice,
          has_channels};
}

// Combines the values of the threads of a block that have the same channels: afterwards those of
// threadIdx.y = 0 hold the block's. Value needs join(other).
template <class Value, int n>
__device__ inline void join_rows_of_block(Value (&values)[n]) {
  __shared__ Value shared[n][kColumnThreads];
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
  for (int j = 0; j < n; ++j) shared[j][thread] = values[j];
  for (unsigned rows = blockDim.y / 2; rows > 0; rows /= 2) {
    __syncthreads();
    if (threadIdx.y < rows) {
#pragma unroll
      for (int j = 0; j < n; ++j) shared[j][thread].join(shared[j][thread + rows * blockDim.x]);
    }
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < n; ++j) values[j] = shared[j][thread];
}

}  // namespace cf::kernels

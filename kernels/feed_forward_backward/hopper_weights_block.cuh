// A block of the Hopper route's sums over pixels: its part of the work, its shared memory, and what is copied
// there.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/base/tensor_copy.cuh"
#include "kernels/base/wgmma.cuh"
#include "kernels/feed_forward_backward/hopper_tiling.h"
#include "kernels/feed_forward_backward/partial_sums.h"

namespace cf::kernels::feed_forward_backward {

template <class T>
struct WeightsArguments {
  CUtensorMap u, dp, du;        // [pixels][channels]; du where it is computed too
  CUtensorMap expand, project;  // [hidden][channels], [channels][hidden]
  const T *expand_values, *project_values;
  const float* expand_bias;
  PartialSums partial;
  int tiles, groups;  // of pixels, of hidden channels
};

template <class T, class Tile>
class WeightsBlock {
 public:
  __device__ __forceinline__ WeightsBlock(const WeightsArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        base_(shared_address(shared)),
        team_(__shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / kTeamThreads, 0)),
        warp_(static_cast<int>(threadIdx.x) / 32 % 4),
        lane_(static_cast<int>(threadIdx.x) % 32) {}

 protected:
  static constexpr int kChannels = Tile::get().channels, kPixels = Tile::get().pixels,
                       kTeams = Tile::get().teams, kStages = Tile::get().stages;
  static constexpr int kRowBytes = Tile::get().row_bytes(), kColumnBlocks = Tile::get().column_blocks(),
                       kMatrixBytes = Tile::get().matrix_bytes(), kStageBytes = Tile::get().stage_bytes(),
                       kWeightBytes = Tile::get().weight_bytes(),
                       kGradientBytes = Tile::get().gradient_bytes();
  static constexpr bool kWeightsInSharedMemory = Tile::get().weights_in_shared_memory,
                        kWithInput = Tile::get().with_input;
  static constexpr int kGradientBuffers = WeightsTile::kGradientBuffers;

  __device__ __forceinline__ void init_barriers() const {
    for (int i = 0; i < kStages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), kTeams);
    }
    init_barrier(weights_arrived(), 1);
    for (int i = 0; i < kGradientBuffers; ++i) {
      init_barrier(gradients_written(i), kTeams * 4);  // by warps
      init_barrier(gradients_read(i), 1);
    }
    fence_barriers();
  }
  __device__ __forceinline__ std::uint32_t full(int stage) const {
    return base_ + Tile::get().barriers() + stage * 8;
  }
  __device__ __forceinline__ std::uint32_t empty(int stage) const { return full(kStages + stage); }
  __device__ __forceinline__ std::uint32_t weights_arrived() const { return full(2 * kStages); }
  __device__ __forceinline__ std::uint32_t gradients_written(int buffer) const {
    return full(2 * kStages + 1 + buffer);
  }
  __device__ __forceinline__ std::uint32_t gradients_read(int buffer) const {
    return gradients_written(kGradientBuffers + buffer);
  }

  __device__ __forceinline__ std::uint32_t stage_at(int stage) const {
    return base_ + Tile::get().weights() + stage * kStageBytes;
  }
  // dh of a tile: for each team kPixels rows of its 64 hidden channels.
  __device__ __forceinline__ std::uint32_t gradients_at(int buffer) const {
    return base_ + Tile::get().gradients() + buffer * kGradientBytes;
  }

  // A block has a group of hidden channels and a slice of the pixels, whose tiles lie `slices` apart; tiles
  // behind the last pixel add zeros.
  __device__ __forceinline__ int group() const { return static_cast<int>(blockIdx.x) % a_.groups; }
  __device__ __forceinline__ int slice() const { return static_cast<int>(blockIdx.x) / a_.groups; }
  __device__ __forceinline__ int rounds() const {
    const int slices = a_.partial.slices, count = (a_.tiles - slice() + slices - 1) / slices;
    return (count + kStages - 1) / kStages;
  }
  __device__ __forceinline__ int first_pixel(int tile) const {
    return (slice() + tile * a_.partial.slices) * kPixels;
  }

  __device__ __forceinline__ bool leads_team() const { return threadIdx.x % kTeamThreads == 0; }

  // --- copies, by one thread

  __device__ __forceinline__ void copy_weights(int first_team) const {
    expect_bytes(weights_arrived(), Tile::get().weights());
    for (int team = 0; team < kTeams; ++team) {
      const int hidden = (first_team + team) * kTeamRows;
      const std::uint32_t to = base_ + team * 2 * kWeightBytes;
      for (int block = 0; block < kColumnBlocks; ++block) {
        copy_tensor(to + block * kTeamRows * kRowBytes, a_.expand, weights_arrived(), block * kRowBytes / 2,
                    hidden);
      }
      copy_tensor(to + kWeightBytes, a_.project, weights_arrived(), hidden, 0);
    }
  }

  __device__ __forceinline__ void copy_pixels(int tile, int stage) const {
    const std::uint32_t to = stage_at(stage);
    expect_bytes(full(stage), kStageBytes);
#pragma unroll
    for (int block = 0; block < kColumnBlocks; ++block) {
      const int offset = block * kPixels * kRowBytes, channel = block * kRowBytes / 2;
      copy_tensor(to + offset, a_.u, full(stage), channel, first_pixel(tile));
      copy_tensor(to + kMatrixBytes + offset, a_.dp, full(stage), channel, first_pixel(tile));
    }
  }

  const WeightsArguments<T>& a_;
  const std::uint32_t base_;
  const int team_, warp_, lane_;
};

}  // namespace cf::kernels::feed_forward_backward

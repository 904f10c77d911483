// What the Hopper route of convfirst keeps in shared memory and how it gets there: x and the weights by the
// copy engine, asked for by one thread.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/base/tensor_copy.cuh"
#include "kernels/convfirst_forward/hopper_tiling.h"
#include "kernels/convfirst_forward/portable_copies.cuh"

namespace cf::kernels::convfirst_hopper {

using convfirst_portable::kGroup;
using convfirst_portable::kLanes;
using convfirst_portable::kTaps;
using convfirst_portable::position_of_hidden;

inline constexpr int kTeamWarps = 4, kTeamThreads = kTeamWarps * kLanes;
inline constexpr int kFilterRowBytes = kTaps * kGroup * 2;

template <class T>
struct Arguments {
  CUtensorMap x;        // [pixels][channels], for patches [n][height][width][channels]
  CUtensorMap expand;   // [hidden][channels]
  CUtensorMap project;  // see project_map()
  const T* conv;
  const float *conv_bias, *expand_bias, *project_bias;
  T* y;
  float* moments;  // of y, by block: see store_moments(); null: not wanted, as always behind a convolution
  int hidden;
  std::uint32_t pixels, height, width;
  HopperTiling tiling;
};

// All rows of project, permuted so that column 8 j + 2 t + i of every 32 columns is channel 8 t + 2 j + i: a
// thread's columns 2t, 2t+1 of each product then are 8 neighbouring channels.
inline CUtensorMap project_map(const void* project, std::int64_t channels, std::int64_t hidden) {
  const std::int64_t bytes = hidden * 2, blocks = channels / 32;
  return tensor_map<5>(project, {{hidden, HopperTile::kChunk},
                                 {2, 2, bytes},
                                 {4, 4, 8 * bytes},
                                 {4, 4, 2 * bytes},
                                 {blocks, static_cast<int>(blocks), 32 * bytes}});
}
__device__ inline void copy_project(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                    int first_hidden) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %4, "
      "%4, %4}], [%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(first_hidden), "r"(0)
      : "memory");
}

template <class Value>
__device__ __forceinline__ Value& word(unsigned char* shared, int offset) {
  return *reinterpret_cast<Value*>(shared + offset);
}

template <class T, class Tile>
class Copies {
 public:
  __device__ __forceinline__ Copies(const Arguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        layout_(Tile::get(), arguments.tiling),
        shared_(shared),
        base_(shared_address(shared)),
        warp_(static_cast<int>(threadIdx.x) / kLanes % kTeamWarps),
        team_(static_cast<int>(threadIdx.x) / kTeamThreads),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        tile_(base_ + layout_.tiles + team_ * kTileBlocks * arguments.tiling.block_bytes),
        convolved_(base_ + layout_.convolved + team_ * Tile::get().convolved_bytes()) {}

 protected:
  static constexpr int kChannels = Tile::get().channels, kFragments = Tile::get().fragments;
  static constexpr int kChunk = HopperTile::kChunk, kChunkBytes = Tile::get().chunk_bytes(),
                       kExpandBytes = Tile::get().expand_bytes();
  static constexpr int kRowBytes = Tile::get().row_bytes(), kColumnBlocks = Tile::get().column_blocks();
  static constexpr bool kRing = Tile::get().ring, kPatches = Tile::get().patches,
                        kConvolves = Tile::get().convolves;
  static constexpr int kTileBlocks = kPatches ? kFragments : kColumnBlocks;  // of shared memory
  static constexpr int kSteps = kChannels / 16, kHiddenSteps = kChunk / 16;  // depth of the two products
  static constexpr int kGroups = kChannels / kGroup, kOwnGroups = kGroups / kTeamWarps;

  __device__ __forceinline__ std::uint32_t tile_barrier() const {
    return base_ + layout_.barriers + team_ * 8;
  }
  __device__ __forceinline__ std::uint32_t slot_barrier(int slot) const {
    return base_ + layout_.barriers + (a_.tiling.teams + slot) * 8;
  }

  // The filter, the biases, the zero pixels, the counters.
  __device__ __forceinline__ void load_constants() {
    if constexpr (kConvolves) {
      for (int i = threadIdx.x; i < kChannels * kTaps; i += blockDim.x) {
        *reinterpret_cast<uint4*>(shared_ + layout_.filter + i * 16) =
            *reinterpret_cast<const uint4*>(a_.conv + i * kGroup);
      }
      for (int c = threadIdx.x; c < kChannels; c += blockDim.x) {
        word<float>(shared_, layout_.conv_bias + c * 4) = a_.conv_bias[c];
        word<float>(shared_, layout_.project_bias + c * 4) = a_.project_bias[c];
      }
    }
    for (int e = threadIdx.x; e < a_.tiling.chunks * kChunk; e += blockDim.x) {
      word<float>(shared_, layout_.expand_bias + position_of_hidden(e) * 4) =
          e < a_.hidden ? a_.expand_bias[e] : 0;
    }
    constexpr int kWords = kRowBytes / 4;
    for (int i = threadIdx.x; i < a_.tiling.teams * kColumnBlocks * kWords; i += blockDim.x) {
      word<float>(shared_, layout_.tiles + i / kWords * a_.tiling.block_bytes +
                               a_.tiling.run_pixels * kRowBytes + i % kWords * 4) = 0;
    }
    for (int i = threadIdx.x; i < a_.tiling.slots; i += blockDim.x)
      word<int>(shared_, layout_.counters + i * 4) = 0;
  }

  // By one thread of the team.
  __device__ __forceinline__ void load_tile(std::uint32_t index) {
    expect_bytes(tile_barrier(), kTileBlocks * a_.tiling.run_pixels * kRowBytes);
    const int above = kConvolves ? static_cast<int>(a_.width) + 1 : 0;
    const auto first = static_cast<int>(index * a_.tiling.tile_pixels) - above;
#pragma unroll
    for (int block = 0; block < kTileBlocks; ++block) {
      const std::uint32_t to = tile_ + block * a_.tiling.block_bytes;
      if constexpr (kPatches) {
        const Patch patch = patch_at(index * kFragments + block);
        copy_tensor(to, a_.x, tile_barrier(), 0, patch.column - 1, patch.row - 1, patch.image);
      } else {
        copy_tensor(to, a_.x, tile_barrier(), block * 64, first);
      }
    }
  }

  // The first pixel of a patch; one behind the last image is a patch of zeros.
  struct Patch {
    int image, row, column;
  };
  __device__ __forceinline__ Patch patch_at(std::uint32_t index) const {
    const std::uint32_t across = a_.width / HopperTile::kPatch, down = a_.height / HopperTile::kPatch;
    const std::uint32_t line = index / across, image = line / down;
    return {static_cast<int>(image), static_cast<int>(line - image * down) * HopperTile::kPatch,
            static_cast<int>(index - line * across) * HopperTile::kPatch};
  }

  // By one thread. Rows of expand, and of project.
  __device__ __forceinline__ void load_chunk(int chunk, int slot) {
    const std::uint32_t to = base_ + slot * kChunkBytes, barrier = slot_barrier(slot);
    expect_bytes(barrier, kChunkBytes);
#pragma unroll
    for (int block = 0; block < kColumnBlocks; ++block) {
      copy_tensor(to + block * kChunk * kRowBytes, a_.expand, barrier, block * 64, chunk * kChunk);
    }
    copy_project(to + kExpandBytes, a_.project, barrier, chunk * kChunk);
  }

  // The warp has read the slot for the last time; the last of the block has it filled again.
  __device__ __forceinline__ void release_slot(int chunk) {
    __syncwarp();
    if (lane_ == 0) {
      __threadfence_block();
      int& readers = word<int>(shared_, layout_.counters + slot_ * 4);
      if (atomicAdd(&readers, 1) == a_.tiling.teams * kTeamWarps - 1) {
        readers = 0;
        __threadfence_block();
        const int next = chunk + a_.tiling.slots;
        if (left_ > 0) load_chunk(next < a_.tiling.chunks ? next : next - a_.tiling.chunks, slot_);
      }
    }
    --left_;
    if (++slot_ == a_.tiling.slots) {
      slot_ = 0;
      slot_phase_ ^= 1;
    }
  }

  // Offset of a pixel of a tile; the 16-byte piece of a group is XORed into it.
  static __device__ __forceinline__ std::uint32_t offset_of(int pixel) {
    if constexpr (kRowBytes == 64) return pixel * 64 ^ pixel / 2 % 4 * 16;
    return pixel * 128 ^ pixel % 8 * 16;
  }
  __device__ __forceinline__ std::uint32_t at_group(std::uint32_t address, int group) const {
    return (address ^ group % 8 * 16) + group / 8 * a_.tiling.block_bytes;
  }

  const Arguments<T>& a_;
  const HopperLayout layout_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int warp_, team_, lane_;  // the warp in its team
  const std::uint32_t tile_, convolved_;
  int slot_ = 0, slot_phase_ = 0;
  int left_;  // chunks of this block not asked for yet
};

}  // namespace cf::kernels::convfirst_hopper

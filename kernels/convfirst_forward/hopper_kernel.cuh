// The Hopper route of convfirst at place Cuda: the two products by wgmma with A from registers.
//
// Each team, one warpgroup, goes through its tiles on its own: while one convolves, the others keep the
// tensor cores busy. In a ring the last warp that has read a slot has it filled again, so that nobody waits
// for a barrier of all.
#pragma once

#include "kernels/base/named_barrier.cuh"
#include "kernels/base/wgmma.cuh"
#include "kernels/convfirst_forward/hopper_moments.cuh"

namespace cf::kernels::convfirst_hopper {

template <class T, class Tile>
class Worker : Moments<T, Tile> {
 public:
  using Base = Moments<T, Tile>;
  using Base::Base;

  __device__ __forceinline__ void run() {
    const auto teams = static_cast<std::uint32_t>(a_.tiling.teams);
    const std::uint32_t tiles = (a_.pixels + a_.tiling.tile_pixels - 1) / a_.tiling.tile_pixels;
    const std::uint32_t stride = gridDim.x * teams;
    std::uint32_t first = blockIdx.x * teams;  // tile of the block's first team
    const std::uint32_t rounds = (tiles - first + stride - 1) / stride;
    left_ = static_cast<int>(rounds) * a_.tiling.chunks - a_.tiling.slots;
    prepare(first + team_, tiles);
    int phase = 0;
    // In a ring every team reads every chunk of every round, with or without a tile.
    for (; (kRing ? first : first + team_) < tiles; first += stride, phase ^= 1) {
      const std::uint32_t pixel = (first + team_) * a_.tiling.tile_pixels;
      if (first + team_ < tiles) wait_for_phase(tile_barrier(), phase);
      if constexpr (!kConvolves) {
        load_rows();
      } else if constexpr (kPatches) {
        convolve_patches(phase);
        start_sums();
      } else {
        convolve(pixel);
        start_sums();
      }
      named_barrier(1 + team_, kTeamThreads);
      if (first + stride + team_ < tiles && threadIdx.x % kTeamThreads == 0)
        load_tile(first + stride + team_);
      if constexpr (kPatches) load_convolved(phase);
      if constexpr (kRing) {
        for (int chunk = 0; chunk < a_.tiling.chunks; ++chunk) multiply_slot(chunk);
      } else {
        multiply_all();
      }
      store(pixel);
      if constexpr (!kConvolves) {
        if (a_.moments != nullptr) add_moments(pixel, first == blockIdx.x * teams);
      }
    }
    if constexpr (!kConvolves) {
      if (a_.moments != nullptr) store_moments();
    }
  }

 private:
  using Base::a_;
  using Base::add_moments;
  using Base::base_;
  using Base::clear_moments;
  using Base::convolve;
  using Base::convolve_patches;
  using Base::kChannels;
  using Base::kChunk;
  using Base::kChunkBytes;
  using Base::kConvolves;
  using Base::kExpandBytes;
  using Base::kFragments;
  using Base::kHiddenSteps;
  using Base::kPatches;
  using Base::kRing;
  using Base::kRowBytes;
  using Base::kSteps;
  using Base::lane_;
  using Base::layout_;
  using Base::left_;
  using Base::load_chunk;
  using Base::load_constants;
  using Base::load_convolved;
  using Base::load_own_taps;
  using Base::load_rows;
  using Base::load_tile;
  using Base::release_slot;
  using Base::shared_;
  using Base::slot_;
  using Base::slot_barrier;
  using Base::slot_phase_;
  using Base::start_sums;
  using Base::store;
  using Base::store_moments;
  using Base::sum_;
  using Base::team_;
  using Base::tile_barrier;
  using Base::u_;

  __device__ __forceinline__ void prepare(std::uint32_t first_tile, std::uint32_t tiles) {
    if (threadIdx.x == 0) {
      for (int i = 0; i < a_.tiling.teams + a_.tiling.slots; ++i)
        init_barrier(base_ + layout_.barriers + i * 8, 1);
      fence_barriers();
    }
    load_constants();
    if constexpr (!kConvolves) clear_moments();
    __syncthreads();
    if constexpr (kPatches) load_own_taps();
    if (first_tile < tiles && threadIdx.x % kTeamThreads == 0) load_tile(first_tile);
    if (threadIdx.x == 0) {
      for (int slot = 0; slot < a_.tiling.slots; ++slot) load_chunk(slot, slot);
    }
  }

  // --- the products

  __device__ __forceinline__ void start_hidden(int chunk, float (&hidden)[kChunk / 8][4]) const {
    const int bias = layout_.expand_bias + (chunk * kChunk + lane_ % 4 * 4) * 4;
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      const auto values = word<float4>(shared_, bias + step * 64);
      hidden[2 * step][0] = hidden[2 * step][2] = values.x;
      hidden[2 * step][1] = hidden[2 * step][3] = values.y;
      hidden[2 * step + 1][0] = hidden[2 * step + 1][2] = values.z;
      hidden[2 * step + 1][1] = hidden[2 * step + 1][3] = values.w;
    }
  }

  __device__ __forceinline__ void rectify(const float (&hidden)[kChunk / 8][4],
                                          MatrixA (&rectified)[kHiddenSteps]) const {
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      const float(&left)[4] = hidden[2 * step], (&right)[4] = hidden[2 * step + 1];
      rectified[step].upper_left = rectify_pair<T>(left[0], left[1]);
      rectified[step].lower_left = rectify_pair<T>(left[2], left[3]);
      rectified[step].upper_right = rectify_pair<T>(right[0], right[1]);
      rectified[step].lower_right = rectify_pair<T>(right[2], right[3]);
    }
  }

  // hidden += expand u of fragment m, asynchronously.
  __device__ __forceinline__ void expand(int m, std::uint32_t weights, float (&hidden)[kChunk / 8][4]) const {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const auto b = matrix_descriptor<kRowBytes>(weights + s / 4 * kChunk * kRowBytes + s % 4 * 32);
      warpgroup_multiply<T>(hidden, u_[m][s], b);
    }
    warpgroup_commit();
  }

  // sum += project hidden of fragment m, asynchronously.
  __device__ __forceinline__ void project(int m, std::uint32_t weights,
                                          const MatrixA (&rectified)[kHiddenSteps]) {
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      const auto b = matrix_descriptor<128>(weights + kExpandBytes + step * 32);
      warpgroup_multiply<T>(sum_[m], rectified[step], b);
    }
    warpgroup_commit();
  }

  // All chunks at hand, one fragment after the other: a chunk's projection runs beside the next one's
  // expansion.
  __device__ __forceinline__ void multiply_all() {
    if (slot_ == 0) {
      for (; slot_ < a_.tiling.slots; ++slot_) wait_for_phase(slot_barrier(slot_), 0);
    }
    const int last = a_.tiling.chunks - 1;
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      float hidden[kChunk / 8][4];
      MatrixA rectified[kHiddenSteps];
      start_hidden(0, hidden);
      warpgroup_pin(hidden);
      warpgroup_fence();
      expand(m, base_, hidden);
      warpgroup_wait<0>();
      warpgroup_pin(hidden);
      for (int chunk = 0; chunk < last; ++chunk) {
        const std::uint32_t weights = base_ + chunk * kChunkBytes;
        rectify(hidden, rectified);
        start_hidden(chunk + 1, hidden);
        warpgroup_pin(hidden);
        warpgroup_pin(sum_[m]);
        warpgroup_fence();
        project(m, weights, rectified);
        expand(m, weights + kChunkBytes, hidden);
        warpgroup_wait<0>();
        warpgroup_pin(hidden);
        warpgroup_pin(sum_[m]);
      }
      rectify(hidden, rectified);
      warpgroup_pin(sum_[m]);
      warpgroup_fence();
      project(m, base_ + last * kChunkBytes, rectified);
      warpgroup_wait<0>();
      warpgroup_pin(sum_[m]);
    }
  }

  // The chunk in the next slot of the ring.
  __device__ __forceinline__ void multiply_slot(int chunk) {
    const std::uint32_t weights = base_ + slot_ * kChunkBytes;
    float hidden[kChunk / 8][4];
    MatrixA rectified[kHiddenSteps];
    start_hidden(chunk, hidden);
    wait_for_phase(slot_barrier(slot_), slot_phase_);
    static_assert(!kRing || kFragments == 1);
    warpgroup_pin(hidden);
    warpgroup_fence();
    expand(0, weights, hidden);
    warpgroup_wait<0>();
    warpgroup_pin(hidden);
    rectify(hidden, rectified);
    warpgroup_pin(sum_[0]);
    warpgroup_fence();
    project(0, weights, rectified);
    warpgroup_wait<0>();
    warpgroup_pin(sum_[0]);
    release_slot(chunk);
  }
};

// The tile as a type: nvcc 13.0 cannot name a kernel whose template argument is a struct's value.
template <int kChannels, bool kPatches>
struct TileOf {
  static constexpr HopperTile get() { return hopper_tile(kChannels, kPatches); }
};
template <int kChannels>
struct FeedForwardTileOf {
  static constexpr HopperTile get() { return feed_forward_hopper_tile(kChannels); }
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::get().teams* kTeamThreads, 1)
    convfirst_hopper_kernel(const __grid_constant__ Arguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  Worker<T, Tile>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

}  // namespace cf::kernels::convfirst_hopper

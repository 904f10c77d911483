// The Hopper route's sums over pixels: dexpand, dproject and dexpand_bias, and du where one block has all
// hidden channels.
//
// With hidden channels as rows, h' = expand u' and da' = project' dp' leave the tensor cores as what the next
// products take as A: dexpand += dh' u and dproject' += a' dp run from registers. A tile of u or dp is B of
// both, depth contiguous for the first, columns contiguous for the second; no hidden value touches shared
// memory. The second products of a tile and the first of the next are under way together.
#pragma once

#include "kernels/base/wgmma_shared.cuh"
#include "kernels/feed_forward_backward/hidden_gradient.cuh"
#include "kernels/feed_forward_backward/hopper_joint_input.cuh"
#include "kernels/feed_forward_backward/hopper_weight_fragments.cuh"
#include "kernels/feed_forward_backward/hopper_weights_block.cuh"

namespace cf::kernels::feed_forward_backward {

template <class T, class Tile>
class WeightsWorker : WeightsBlock<T, Tile> {
 public:
  using Base = WeightsBlock<T, Tile>;
  using Base::Base;

  __device__ __forceinline__ void run() {
    if (threadIdx.x == 0) init_barriers();
    __syncthreads();
    if (team_ < kTeams) {
      claim_registers<Tile::get().registers>();
      add_tiles();
    } else {
      release_registers<Tile::get().copy_registers()>();
      if constexpr (kWithInput) {
        JointInput<T, Tile>(*this).run();
      } else if (leads_team()) {
        copy();
      }
    }
  }

 private:
  using Base::a_;
  using Base::base_;
  using Base::copy_pixels;
  using Base::copy_weights;
  using Base::empty;
  using Base::full;
  using Base::gradients_at;
  using Base::gradients_read;
  using Base::gradients_written;
  using Base::group;
  using Base::init_barriers;
  using Base::kChannels;
  using Base::kGradientBuffers;
  using Base::kMatrixBytes;
  using Base::kPixels;
  using Base::kRowBytes;
  using Base::kStageBytes;
  using Base::kStages;
  using Base::kTeams;
  using Base::kWeightBytes;
  using Base::kWeightsInSharedMemory;
  using Base::kWithInput;
  using Base::lane_;
  using Base::leads_team;
  using Base::rounds;
  using Base::slice;
  using Base::stage_at;
  using Base::team_;
  using Base::warp_;
  using Base::weights_arrived;

  static constexpr int kParts = Tile::get().parts, kPending = Tile::get().pending;
  static constexpr int kSteps = kChannels / 16, kPixelSteps = kPixels / 16;
  static constexpr int kProjectRowBytes = kTeamRows * 2;

  // By one thread.
  __device__ __forceinline__ void copy() const {
    if constexpr (kWeightsInSharedMemory) copy_weights(group() * kTeams);
    int phase = 1;
    for (int round = 0; round < rounds(); ++round, phase ^= 1) {
      for (int stage = 0; stage < kStages; ++stage) {
        wait_for_phase(empty(stage), phase);
        copy_pixels(round * kStages + stage, stage);
      }
    }
  }

  // --- sums, by the other teams

  __device__ __forceinline__ void add_tiles() {
    by_depth_ = descriptor_start(stage_at(0));
    by_column_ = descriptor_start(stage_at(0), kPixels * kRowBytes);
    expand_at_ = descriptor_start(base_ + team_ * 2 * kWeightBytes);
    // Opaque, so that descriptors are these and constants, not registers of their own.
    asm volatile("" : "+r"(by_depth_), "+r"(by_column_), "+r"(expand_at_));
    first_hidden_ = (group() * kTeams + team_) * kTeamRows + warp_ * 16 + lane_ / 4;
    start_sums();
    wait_for_phase(full(0), 0);
    start_hidden();
    warpgroup_pin(h_);
    compute_hidden(0);
    warpgroup_wait<0>();
    pin_hidden();
    int phase = 0;
    for (int left = rounds(); left > 0; --left, phase ^= 1) {
#pragma unroll
      for (int stage = 0; stage < kStages; ++stage) add_tile(stage, phase, left == 1);
    }
    store();
  }

  __device__ __forceinline__ void start_sums() {
#pragma unroll
    for (int i = 0; i < kChannels / 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) dexpand_[i][j] = dproject_[i][j] = 0;
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int e = first_hidden_ + half * 8;
      bias_[half] = e < a_.partial.hidden ? a_.expand_bias[e] : 0;
      bias_sum_[half] = 0;
    }
    if constexpr (kWeightsInSharedMemory) {
      wait_for_phase(weights_arrived(), 0);
    } else {
      weights_.load(a_, first_hidden_, lane_);
    }
  }

  __device__ __forceinline__ void start_hidden() {
#pragma unroll
    for (int i = 0; i < kPixels / 8; ++i) {
      h_[i][0] = h_[i][1] = bias_[0];
      h_[i][2] = h_[i][3] = bias_[1];
    }
  }

  __device__ __forceinline__ void pin_hidden() {
    warpgroup_pin(h_);
    warpgroup_pin(da_);
  }

  // h' and da' of a tile, asynchronously.
  __device__ __forceinline__ void compute_hidden(int stage) {
    warpgroup_fence();
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      constexpr int kBlock = kRowBytes / 2;
      const int within = s * 16 % kBlock * 2, block = s * 16 / kBlock;
      const std::uint32_t u = by_depth_ + (stage * kStageBytes + block * kPixels * kRowBytes + within) / 16;
      const auto u_matrix = descriptor_from<kRowBytes>(u);
      const auto dp_matrix = descriptor_from<kRowBytes>(u + kMatrixBytes / 16);
      if constexpr (kWeightsInSharedMemory) {
        const auto expand =
            descriptor_from<kRowBytes>(expand_at_ + (block * kTeamRows * kRowBytes + within) / 16);
        const auto project =
            descriptor_from<kProjectRowBytes>(expand_at_ + (kWeightBytes + s * 16 * kProjectRowBytes) / 16);
        warpgroup_multiply<T>(h_, expand, u_matrix);
        if (s == 0) {
          warpgroup_multiply<T, Contiguous::Columns, Contiguous::Depth, Sum::Starts>(da_, project, dp_matrix);
        } else {
          warpgroup_multiply<T, Contiguous::Columns>(da_, project, dp_matrix);
        }
      } else {
        warpgroup_multiply<T>(h_, weights_.expand[s], u_matrix);
        if (s == 0) {
          warpgroup_multiply<T, Contiguous::Depth, Sum::Starts>(da_, weights_.project[s], dp_matrix);
        } else {
          warpgroup_multiply<T>(da_, weights_.project[s], dp_matrix);
        }
      }
    }
    warpgroup_commit();
  }

  // What a tile, whose h' and da' are known, adds; and those of the next one.
  __device__ __forceinline__ void add_tile(int stage, int phase, bool last_round) {
    const bool wraps = stage + 1 == kStages;
    const int next = wraps ? 0 : stage + 1;
    if constexpr (kWithInput) wait_for_phase(gradients_read(buffer_), buffer_phase_ ^ 1);
    MatrixA a[kPixelSteps], dh[kPixelSteps];
    pin_sums();
#pragma unroll
    for (int part = 0; part < kParts; ++part) add_part(stage, part, a, dh);
    if constexpr (kWithInput) pass_on();
    warpgroup_wait<kPending>();  // what has been added makes room
    if constexpr (kPending == 0) pin_sums();
    start_hidden();
    // Behind the last tile the products run once more, on what is there, for nothing.
    if (!(wraps && last_round)) wait_for_phase(full(next), wraps ? phase ^ 1 : phase);
    warpgroup_pin(h_);
    compute_hidden(next);
    warpgroup_wait<0>();
    pin_hidden();
    pin_sums();
    if (leads_team()) arrive(empty(stage));
  }

  // Rounds a part of a tile's h' and da', and adds dexpand += dh' u and dproject' += a' dp asynchronously.
  __device__ __forceinline__ void add_part(int stage, int part, MatrixA (&a)[kPixelSteps],
                                           MatrixA (&dh)[kPixelSteps]) {
    constexpr int kPart = kPixelSteps / kParts;
#pragma unroll
    for (int s = part * kPart; s < (part + 1) * kPart; ++s) {
      warpgroup_pin(h_[2 * s]);  // not rounded ahead of time: there is no room for it
      warpgroup_pin(h_[2 * s + 1]);
      warpgroup_pin(da_[2 * s]);
      warpgroup_pin(da_[2 * s + 1]);
      round_hidden<T>(h_[2 * s], h_[2 * s + 1], da_[2 * s], da_[2 * s + 1], a[s], dh[s]);
      add_rows(a[s], da_[2 * s], da_[2 * s + 1], bias_sum_);
      if constexpr (kWithInput) write_gradient(s, dh[s]);
    }
    warpgroup_fence();
#pragma unroll
    for (int s = part * kPart; s < (part + 1) * kPart; ++s) {
      const std::uint32_t u = by_column_ + (stage * kStageBytes + s * 16 * kRowBytes) / 16;
      warpgroup_multiply<T, Contiguous::Columns>(dexpand_, dh[s], descriptor_from<kRowBytes>(u));
      warpgroup_multiply<T, Contiguous::Columns>(dproject_, a[s],
                                                 descriptor_from<kRowBytes>(u + kMatrixBytes / 16));
    }
    warpgroup_commit();
  }

  // dh of 16 pixels to the team that computes du: pixels as rows, the team's hidden channels as columns.
  __device__ __forceinline__ void write_gradient(int step, const MatrixA& dh) const {
    const int row = step * 16 + lane_ / 16 * 8 + lane_ % 8, piece = warp_ * 2 + lane_ / 8 % 2;
    const std::uint32_t to = gradients_at(buffer_) + team_ * kPixels * 128 + row * 128;
    store_matrices_as_columns(to + (piece ^ row % 8) * 16, dh.upper_left, dh.lower_left, dh.upper_right,
                              dh.lower_right);
  }
  __device__ __forceinline__ void pass_on() {
    fence_for_warpgroups();
    __syncwarp();
    if (lane_ == 0) arrive(gradients_written(buffer_));
    buffer_ ^= 1;
    if (buffer_ == 0) buffer_phase_ ^= 1;
  }

  __device__ __forceinline__ void pin_sums() {
    warpgroup_pin(dexpand_);
    warpgroup_pin(dproject_);
  }

  __device__ __forceinline__ void store() const {
    const std::int64_t hidden = a_.partial.hidden;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int e = first_hidden_ + half * 8;
      const float sum = quad_sum(bias_sum_[half]);
      if (e >= hidden) continue;
      const std::int64_t row = slice() * hidden + e;
      if (lane_ % 4 == 0) a_.partial.dexpand_bias[row] = sum;
#pragma unroll
      for (int i = 0; i < kChannels / 8; ++i) {
        const std::int64_t to = row * kChannels + i * 8 + lane_ % 4 * 2;
        store_pack<float, 2>(a_.partial.dexpand + to, {dexpand_[i][half * 2], dexpand_[i][half * 2 + 1]});
        store_pack<float, 2>(a_.partial.dproject + to, {dproject_[i][half * 2], dproject_[i][half * 2 + 1]});
      }
    }
  }

  std::uint32_t by_depth_ = 0, by_column_ = 0,
                expand_at_ = 0;  // descriptors of the first stage, the team's expand
  int first_hidden_ = 0;         // of the lane; the other is 8 further
  WeightFragments<T, kWeightsInSharedMemory ? 1 : kSteps> weights_;  // where they are in registers
  float h_[kPixels / 8][4], da_[kPixels / 8][4];
  float dexpand_[kChannels / 8][4], dproject_[kChannels / 8][4];
  float bias_[2], bias_sum_[2];
  int buffer_ = 0, buffer_phase_ = 0;  // of dh
};

template <int kChannels>
struct WeightsTileOf {
  static constexpr WeightsTile get() { return weights_tile(kChannels); }
  static_assert(get().registers_suffice() && get().shared_bytes() <= kHopperSharedBytes);
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::get().threads(), 1)
    weights_kernel(const __grid_constant__ WeightsArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  WeightsWorker<T, Tile>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

}  // namespace cf::kernels::feed_forward_backward

// The Hopper route's du where a block of the sums over pixels has all hidden channels: the last team takes dh
// of two tiles from the others, by way of shared memory, as A of du = dh expand. Between products it asks for
// tiles.
#pragma once

#include "kernels/base/named_barrier.cuh"
#include "kernels/base/wgmma_shared.cuh"
#include "kernels/feed_forward_backward/hopper_weights_block.cuh"

namespace cf::kernels::feed_forward_backward {

template <class T, class Tile>
class JointInput : WeightsBlock<T, Tile> {
 public:
  using Base = WeightsBlock<T, Tile>;
  __device__ __forceinline__ explicit JointInput(const Base& block) : Base(block) {}

  __device__ __forceinline__ void run() {
    const int tiles = rounds() * kStages;
    if (leads_team()) {
      copy_weights(0);
      for (int tile = 0; tile < kStages; ++tile) copy_pixels(tile, tile);
    }
    __syncwarp();
    gradients_ = descriptor_start(gradients_at(0));
    expand_ = descriptor_start(base_);
    asm volatile("" : "+r"(gradients_), "+r"(expand_));  // see WeightsWorker
    wait_for_phase(weights_arrived(), 0);
    for (int tile = 0; tile < tiles; ++tile) {
      const int buffer = tile % kGradientBuffers;
      wait_for_phase(gradients_written(buffer), tile / kGradientBuffers % 2);
      multiply(buffer);
      if (leads_team()) {
        arrive(gradients_read(buffer));
        refill(tile - 1, tiles);
        wait_for_tensor_stores();
      }
      store(tile);
    }
    if (leads_team()) wait_for_tensor_stores();
  }

 private:
  using Base::a_;
  using Base::base_;
  using Base::copy_pixels;
  using Base::copy_weights;
  using Base::empty;
  using Base::first_pixel;
  using Base::gradients_at;
  using Base::gradients_read;
  using Base::gradients_written;
  using Base::kChannels;
  using Base::kGradientBuffers;
  using Base::kGradientBytes;
  using Base::kPixels;
  using Base::kRowBytes;
  using Base::kStages;
  using Base::kTeams;
  using Base::kWeightBytes;
  using Base::lane_;
  using Base::leads_team;
  using Base::rounds;
  using Base::team_;
  using Base::warp_;
  using Base::weights_arrived;

  static_assert(!Tile::get().with_input || (kPixels == kTeamRows && kRowBytes == kChannels * 2));

  // A tile that the teams are through with, as they are with t - 1 once they have written dh of tile t, makes
  // room for the one a ring further.
  __device__ __forceinline__ void refill(int tile, int tiles) const {
    if (tile < 0 || tile + kStages >= tiles) return;
    const int stage = tile % kStages;
    wait_for_phase(empty(stage), tile / kStages % 2);
    copy_pixels(tile + kStages, stage);
  }

  __device__ __forceinline__ void multiply(int buffer) {
    warpgroup_fence();
#pragma unroll
    for (int step = 0; step < kTeams * 4; ++step) {
      const int block = step / 4 * kTeamRows * 128, along = step % 4 * 32;
      const auto dh = descriptor_from<128>(gradients_ + (buffer * kGradientBytes + block + along) / 16);
      const int hidden = step / 4 * 2 * kWeightBytes +
                         step % 4 * 16 * kRowBytes;  // of a team's expand; its project is between
      const auto expand = descriptor_from<kRowBytes>(expand_ + hidden / 16);
      if (step == 0) {
        warpgroup_multiply<T, Contiguous::Depth, Contiguous::Columns, Sum::Starts>(du_, dh, expand);
      } else {
        warpgroup_multiply<T, Contiguous::Depth, Contiguous::Columns>(du_, dh, expand);
      }
    }
    warpgroup_commit();
    warpgroup_wait<0>();
    warpgroup_pin(du_);
  }

  __device__ __forceinline__ void team_barrier() const { named_barrier(1, kTeamThreads); }

  __device__ __forceinline__ void store(int tile) const {
    const std::uint32_t to = base_ + Tile::get().input();
    team_barrier();
#pragma unroll
    for (int s = 0; s < kChannels / 16; ++s) {
      const float(&left)[4] = du_[2 * s], (&right)[4] = du_[2 * s + 1];
      const int row = warp_ * 16 + lane_ % 16, piece = s * 2 + lane_ / 16;
      store_matrices(to + row * kRowBytes + (piece ^ row / 2 % 4) * 16, round_pair<T>(left[0], left[1]),
                     round_pair<T>(left[2], left[3]), round_pair<T>(right[0], right[1]),
                     round_pair<T>(right[2], right[3]));
    }
    fence_for_warpgroups();  // the copy engine reads shared memory as they do
    team_barrier();
    if (!leads_team()) return;
    store_tensor(to, a_.du, 0, first_pixel(tile));
    commit_tensor_stores();
  }

  std::uint32_t gradients_ = 0,
                expand_ = 0;  // descriptors of the first buffer and of the first hidden channel
  float du_[kChannels / 8][4];
};

}  // namespace cf::kernels::feed_forward_backward

// da' = weight' dy', tile by tile of one sample's pixels: a warpgroup holds the weights of its 64 channels in
// registers, as wgmma's first factor, for all tiles of its block; the copy engine brings the rows of dy, the
// second factor, 64 of their values in a slot of a ring, and the tile of u, over which da is written on its
// way out. So a lane has but two channels, of many pixels, and keeps their sums until the sample ends: a
// block takes whole samples.
#pragma once

#include <algorithm>

#include "kernels/base/named_barrier.cuh"
#include "kernels/base/pairs.cuh"
#include "kernels/base/wgmma_image_rows.cuh"
#include "kernels/gated_linear/channel_sums.cuh"
#include "kernels/mbconv_forward/hopper_cluster.cuh"

namespace cf::kernels::gated_linear_detail {

using gated_norm_detail::SumPointers;

inline constexpr int kWarp = 32, kTeamThreads = 4 * kWarp, kTeams = 2, kThreads = (kTeams + 1) * kTeamThreads;
inline constexpr int kTeamChannels = 64, kBlockChannels = kTeams * kTeamChannels;
inline constexpr int kDepth = 64, kRowBytes = 128;       // of a slot
inline constexpr int kWeightBytes = kDepth * kRowBytes;  // of a team, in a slot before the first rows
inline constexpr int kMostShared = 227 * 1024;

template <int kRows>
struct SumsTile {
  static constexpr int kBytes = kRows * kRowBytes;  // of dy in a slot, and of u
  static constexpr int kSlotBytes = std::max(kBytes, kWeightBytes);
  static constexpr int kImages = kRows > 64 ? 3 : 4;  // tiles of u and da of a team
  static constexpr int kSlotsAt = kTeams * kImages * kBytes;
  static constexpr int kSlots = (kMostShared - kSlotsAt - kTeams * kImages * 8) / (kSlotBytes + 16);
  static constexpr int kBarriersAt = kSlotsAt + kSlots * kSlotBytes;
  static constexpr int kImageBarriersAt = kBarriersAt + kSlots * 16;
  static constexpr int kSharedBytes = kImageBarriersAt + kTeams * kImages * 8;
  static_assert(kBytes % 1024 == 0 && kSlotBytes % 1024 == 0, "as the swizzle of wgmma repeats");
  static_assert(kSharedBytes <= kMostShared);
};

template <class T>
struct SumsArguments {
  CUtensorMap dy, weight, u, da;
  NormPointers norm;
  const float* gate;
  SumPointers sums;
  float* gate_gradient;
  int samples, pixels, channels;
  bool rectifies;
};

template <class T, int kChannelsIn, int kRows>
class SumsWorker {
 public:
  using Tile = SumsTile<kRows>;

  __device__ __forceinline__ SumsWorker(const SumsArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        base_(shared_address(shared)),
        team_(static_cast<int>(threadIdx.x) / kTeamThreads),
        warp_(static_cast<int>(threadIdx.x) % kTeamThreads / kWarp),
        lane_(static_cast<int>(threadIdx.x) % kWarp),
        first_(static_cast<int>(blockIdx.x) * kBlockChannels),
        blocks_(mbconv_hopper::cluster_size()),
        ring_{{base_ + Tile::kBarriersAt, Tile::kSlots}} {}

  __device__ __forceinline__ void run() {
    start_next_kernel();
    if (threadIdx.x == 0) {
      ring_.init(4 * kTeams * blocks_);
      for (int i = 0; i < kTeams * Tile::kImages; ++i) {
        init_barrier(base_ + Tile::kImageBarriersAt + i * 8, 1);
      }
      fence_barriers();
    }
    mbconv_hopper::cluster_barrier();  // all blocks run, so that their barriers may be used
    wait_for_last_kernel();
    if (team_ == kTeams) {
      release_registers<kCopyRegisters>();
      if (threadIdx.x == kTeams * kTeamThreads) copy();
    } else {
      claim_registers<kTeamRegisters>();
      multiply();
    }
    mbconv_hopper::leave_cluster();
  }

 private:
  // Of a thread of the copying warpgroup, of the others.
  static constexpr int kCopyRegisters = 24, kTeamRegisters = 240;
  static constexpr int kSteps = kDepth / 16, kChunks = kChannelsIn / kDepth, kGroups = kRows / 8;
  static constexpr int kAhead = 2;  // groups of 8 pixels of u on their way to registers
  using Sums = float[kGroups][4];
  using Weights = MatrixA[kChunks * kSteps];
  using Slopes = ChannelSlope<T>[2];

  __device__ __forceinline__ TileWalk first_tile() const { return TileWalk(a_.samples, a_.pixels, kRows); }

  // --- the copying thread: the weights of both teams, then rows of dy, which the blocks of a cluster ask for
  // in turn

  __device__ __forceinline__ void copy() {
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      for (int team = 0; team < kTeams; ++team) {
        ring_.wait_until_empty();
        expect_bytes(ring_.full(), kWeightBytes);
        copy_tensor(slot(), a_.weight, ring_.full(), first_ + team * kTeamChannels, chunk * kDepth);
        ring_.advance();
      }
    }
    int turn = mbconv_hopper::cluster_rank();
    bool ended = false;  // behind the last tile comes one of zeros: there is always a next product
    for (TileWalk tile = first_tile(); !ended; tile.advance(kRows)) {
      ended = tile.ends();
      for (int chunk = 0; chunk < kChunks; ++chunk) {
        ring_.wait_until_empty();
        expect_bytes(ring_.full(), Tile::kBytes);
        if (turn == 0) {
          mbconv_hopper::copy_tensor_to_cluster(slot(), a_.dy, ring_.full(), blocks_, chunk * kDepth,
                                                tile.pixel, tile.sample);
        }
        turn = turn == 0 ? blocks_ - 1 : turn - 1;
        ring_.advance();
      }
    }
  }

  __device__ __forceinline__ std::uint32_t slot() const {
    return base_ + Tile::kSlotsAt + ring_.slot * Tile::kSlotBytes;
  }

  // --- the others

  // What a team knows from tile to tile.
  struct Progress {
    TileWalk tile, ahead;  // ahead: the next tile of u to ask for
    int image = 0, phase = 0;
    bool has_stored = false;
    TileSums<T> sums;
    float gates[2];
  };

  __device__ __forceinline__ void multiply() {
    Progress at{.tile = first_tile(), .ahead = first_tile()};
    if (asks()) {
      for (int i = 0; i < Tile::kImages && !at.ahead.ends(); ++i) ask_for_image(i, at.ahead);
    }
    Weights weights;
    load_weights(weights);
    const Slopes slopes = {{ChannelNorm(a_.norm, channel(0)), a_.rectifies},
                           {ChannelNorm(a_.norm, channel(1)), a_.rectifies}};
    slot_to_release_ = ring_.slot;
    Sums even, odd;
    start_product(weights, even);
    while (true) {
      take_tile(weights, slopes, at, even, odd);
      if (at.tile.ends()) {
        finish_product(odd);
        break;
      }
      take_tile(weights, slopes, at, odd, even);
      if (at.tile.ends()) {
        finish_product(even);
        break;
      }
    }
    if (asks()) wait_for_tensor_stores();
  }

  // The sums of a tile while the tensor cores are at the next one's.
  __device__ __forceinline__ void take_tile(const Weights& weights, const Slopes& slopes, Progress& at,
                                            Sums& sum, Sums& next_sum) {
    finish_product(sum);
    start_product(weights, next_sum);
    if (at.tile.begins_sample()) load_gates(at.tile.sample, at.gates);
    if (asks() && at.has_stored && !at.ahead.ends()) {
      wait_for_tensor_stores();
      ask_for_image(at.image == 0 ? Tile::kImages - 1 : at.image - 1, at.ahead);
    }
    wait_for_phase(image_barrier(at.image), at.phase);
    store(sum, image_at(at.image), slopes, at.sums);
    if (asks()) {
      store_tensor(image_at(at.image), a_.da, first_ + team_ * kTeamChannels, at.tile.pixel, at.tile.sample);
      commit_tensor_stores();
    }
    at.has_stored = true;
    if (++at.image == Tile::kImages) {
      at.image = 0;
      at.phase ^= 1;
    }
    if (at.tile.ends_sample()) finish_sample(at.tile, slopes, at.gates, at.sums);
    at.tile.advance(kRows);
  }

  __device__ __forceinline__ bool asks() const { return static_cast<int>(threadIdx.x) % kTeamThreads == 0; }
  __device__ __forceinline__ int channel(int half) const {
    return first_ + team_ * kTeamChannels + warp_ * 16 + half * 8 + lane_ / 4;
  }
  __device__ __forceinline__ std::int64_t place(int sample, int half) const {
    return std::int64_t{sample} * a_.channels + channel(half);
  }
  __device__ __forceinline__ std::uint32_t image_at(int image) const {
    return base_ + (team_ * Tile::kImages + image) * Tile::kBytes;
  }
  __device__ __forceinline__ std::uint32_t image_barrier(int image) const {
    return base_ + Tile::kImageBarriersAt + (team_ * Tile::kImages + image) * 8;
  }

  __device__ __forceinline__ void ask_for_image(int image, TileWalk& tile) const {
    expect_bytes(image_barrier(image), Tile::kBytes);
    copy_tensor(image_at(image), a_.u, image_barrier(image), first_ + team_ * kTeamChannels, tile.pixel,
                tile.sample);
    tile.advance(kRows);
  }

  // In memory a row of weights has the channels side by side.
  __device__ __forceinline__ void load_weights(Weights& weights) {
    const int piece = warp_ * 2 + lane_ / 8 % 2;
    const std::uint32_t at = (lane_ / 16 * 8 + lane_ % 8) * kRowBytes + (piece ^ lane_ % 8) * 16;
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      for (int team = 0; team < kTeams; ++team) {
        ring_.wait_until_full();
        if (team == team_) {
#pragma unroll
          for (int step = 0; step < kSteps; ++step) {
            MatrixA& to = weights[chunk * kSteps + step];
            load_matrices<Rows::AsColumns>(slot() + at + step * 16 * kRowBytes, to.upper_left, to.lower_left,
                                           to.upper_right, to.lower_right);
          }
        }
        ring_.release(ring_.slot);
        ring_.advance();
      }
    }
  }

  __device__ __forceinline__ void load_gates(int sample, float (&gates)[2]) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) gates[half] = a_.gate[place(sample, half)];
  }

  __device__ __forceinline__ void start_product(const Weights& weights, Sums& sum) {
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      ring_.wait_until_full();
      warpgroup_fence();
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const auto rows = matrix_descriptor<kRowBytes>(slot() + step * 32);
        if (chunk == 0 && step == 0) {
          warpgroup_multiply<T, Contiguous::Depth, Sum::Starts>(sum, weights[0], rows);
        } else {
          warpgroup_multiply<T>(sum, weights[chunk * kSteps + step], rows);
        }
      }
      ring_.advance();
    }
    warpgroup_commit();
  }

  __device__ __forceinline__ void finish_product(Sums& sum) {
    warpgroup_wait<0>();
    warpgroup_pin(sum);
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      ring_.release(slot_to_release_);
      if (++slot_to_release_ == Tile::kSlots) slot_to_release_ = 0;
    }
  }

  // A lane has channels lane / 4 and 8 more of its warp's 16, of pixels 8 i + 2 (lane % 4) and the next. It
  // reads the same of u, where its warp then writes da.
  __device__ __forceinline__ void store(const Sums& sum, std::uint32_t image, const Slopes& slopes,
                                        TileSums<T>& sums) const {
    const int piece = warp_ * 2 + lane_ / 8 % 2;
    const std::uint32_t at = image + lane_ % 8 * kRowBytes + (piece ^ lane_ % 8) * 16;
    std::uint32_t u[kGroups + 1][2];
    const auto load = [&](int i) {
      load_matrices<Rows::AsColumns>(at + i * 8 * kRowBytes, u[i][0], u[i][1]);
    };
#pragma unroll
    for (int i = 0; i < kAhead; ++i) load(i);
#pragma unroll
    for (int i = 0; i < kGroups; i += 2) {
      // Of groups i and i + 1, each of two channels: the order of MatrixA. Behind the last one are zeros.
      std::uint32_t das[4] = {}, us[4] = {}, ones[4] = {};
#pragma unroll
      for (int j = 0; j < 2 && i + j < kGroups; ++j) {
        if (i + j + kAhead < kGroups) load(i + j + kAhead);
        std::uint32_t da[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          da[half] = round_pair<T>(sum[i + j][2 * half], sum[i + j][2 * half + 1]);
          const std::uint32_t mask = slopes[half].mask(u[i + j][half]);
          das[2 * j + half] = da[half] & mask;
          us[2 * j + half] = u[i + j][half] & mask;
          ones[2 * j + half] = TileSums<T>::kOne & mask;
        }
        store_matrices_as_columns(at + (i + j) * 8 * kRowBytes, da[0], da[1]);
      }
      sums.add({das[0], das[1], das[2], das[3]}, {us[0], us[1], us[2], us[3]},
               {ones[0], ones[1], ones[2], ones[3]});
    }
    fence_for_warpgroups();
    named_barrier(1 + team_, kTeamThreads);
  }

  __device__ __forceinline__ void finish_sample(const TileWalk& tile, const Slopes& slopes,
                                                const float (&gates)[2], TileSums<T>& sums) const {
    const auto empty = static_cast<float>(tile.last_pixel + kRows - a_.pixels);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const ChannelNorm norm(a_.norm, channel(half));
      const ChannelSums of_channel = sums.of_channel(half);
      if (lane_ % 4 != 0) continue;
      // Behind the last pixel u is zero, which may have a slope.
      const float slope = of_channel.pixels - (slopes[half].mask(0) != 0 ? empty : 0),
                  dy_slope_d = of_channel.da_u - norm.mean * of_channel.da;
      const std::int64_t at = place(tile.sample, half);
      a_.sums.dy_slope[at] = of_channel.da;
      a_.sums.dy_slope_d[at] = dy_slope_d;
      a_.sums.slope[at] = slope;
      a_.sums.slope_d[at] = of_channel.u - norm.mean * slope;
      const float da_activated = norm.scale * dy_slope_d + norm.bias * of_channel.da;
      a_.gate_gradient[at] = da_activated * (gates[half] * (1 - gates[half]));
    }
    sums = {};
  }

  const SumsArguments<T>& a_;
  const std::uint32_t base_;
  const int team_, warp_, lane_;
  const int first_;   // the block's first channel
  const int blocks_;  // of the cluster
  mbconv_hopper::Ring ring_;
  int slot_to_release_ = 0;
};

}  // namespace cf::kernels::gated_linear_detail

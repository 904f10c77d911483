// The statistics of what feed_forward writes on the Hopper route, taken from what its lanes hold at the
// store: each warp sums its pixels' distances from its first one, and their squares, channel by channel in
// shared memory; the block joins its warps at the end, and another kernel the blocks
// (batch_norm/partial_moments.h). As many blocks as there are multiprocessors share the pixels: the
// statistics have the same bits on GPUs of the same kind, and may differ by roundings on another.
#pragma once

#include "kernels/base/pairs.cuh"
#include "kernels/batch_norm/row_moments.cuh"
#include "kernels/convfirst_forward/hopper_sums.cuh"

namespace cf::kernels::convfirst_hopper {

// The first kHalf values get the sums of theirs, or of the others, and the lane kHalf * 2 away; which of
// both, the lane's bit of that number says.
template <int kHalf>
__device__ __forceinline__ void sum_with_partner(float (&value)[16]) {
  const bool upper = (threadIdx.x & 2 * kHalf) != 0;
#pragma unroll
  for (int i = 0; i < kHalf; ++i) {
    const float given = upper ? value[i] : value[kHalf + i], kept = upper ? value[kHalf + i] : value[i];
    value[i] = kept + __shfl_xor_sync(0xffffffffU, given, 2 * kHalf);
  }
}

// Of 16 values of each lane, the sums over the 8 lanes with the same lane % 4: lane 16 i + 8 j + 4 k + lane %
// 4 gets those of values 8 i + 4 j + 2 k and the next.
__device__ __forceinline__ float2 sum_over_pixels(float (&value)[16]) {
  sum_with_partner<8>(value);
  sum_with_partner<4>(value);
  sum_with_partner<2>(value);
  return {value[0], value[1]};
}

template <class T, class Tile>
class Moments : protected Sums<T, Tile> {
 protected:
  using Base = Sums<T, Tile>;
  using Base::a_;
  using Base::Base;
  using Base::first_row;
  using Base::kChannels;
  using Base::kFragments;
  using Base::lane_;
  using Base::layout_;
  using Base::pixel_of;
  using Base::shared_;
  using Base::sum_;
  using Base::team_;
  using Base::warp_;

  // Of all warps, no pixels so far; a barrier follows.
  __device__ __forceinline__ void clear_moments() const {
    for (int i = threadIdx.x; i < Tile::get().moments_bytes(a_.tiling.teams) / 4; i += blockDim.x) {
      word<float>(shared_, layout_.moments + i * 4) = 0;
    }
  }

  // Adds the tile in sum_, as it is rounded.
  __device__ __forceinline__ void add_moments(std::uint32_t first_pixel, bool is_first_tile) const {
    float* const own = moments_of(team_ * kTeamWarps + warp_);
    if (is_first_tile) set_shift(own);
    bool inside[kFragments][2];
    float count = 0;
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const std::uint32_t row = first_pixel + first_row(m);
      count += row < a_.pixels ? static_cast<float>(min(a_.pixels - row, 16U)) : 0;
#pragma unroll
      for (int half = 0; half < 2; ++half) inside[m][half] = pixel_of(first_pixel, m, half) < a_.pixels;
    }
    if (lane_ == 0) own[3 * kChannels] += count;
#pragma unroll
    for (int column = 0; column < kChannels; column += 32) add_columns(own, column, inside);
  }

  // By all threads of the block, behind their last tiles: mean and sum of squared deviations of the block's
  // pixels, and their number.
  __device__ __forceinline__ void store_moments() const {
    __syncthreads();
    const auto blocks = static_cast<std::int64_t>(gridDim.x), block = static_cast<std::int64_t>(blockIdx.x);
    const int warps = a_.tiling.teams * kTeamWarps;
    for (int c = threadIdx.x; c < kChannels; c += blockDim.x) {
      const float start = mean_of(moments_of(0), c);  // the first warp always has pixels
      float count = 0, sum = 0, squares = 0, inner = 0;
      for (int warp = 0; warp < warps; ++warp) {
        const float* const other = moments_of(warp);
        const float pixels = other[3 * kChannels];
        if (pixels == 0) continue;
        const float distance = mean_of(other, c) - start, own_sum = other[kChannels + c];
        count += pixels;
        sum += pixels * distance;
        squares += pixels * distance * distance;
        inner += positive_or_nan(other[2 * kChannels + c] - own_sum * (own_sum / pixels));
      }
      a_.moments[block * kChannels + c] = start + sum / count;
      a_.moments[(blocks + block) * kChannels + c] = inner + positive_or_nan(squares - sum * (sum / count));
      if (c == 0) a_.moments[2 * blocks * kChannels + block] = count;
    }
  }

 private:
  // Shift, sum and squares of every channel, then the number of pixels.
  __device__ __forceinline__ float* moments_of(int warp) const {
    return &word<float>(shared_, layout_.moments + warp * Tile::get().moments_of_warp() * 4);
  }

  static __device__ __forceinline__ float mean_of(const float* moments, int c) {
    return moments[c] + moments[kChannels + c] / moments[3 * kChannels];
  }

  __device__ __forceinline__ std::uint32_t rounded_pair(int m, int half, int column, int i) const {
    const float(&sum)[4] = sum_[m][column / 8 + i / 2];
    return round_pair<T>(sum[half * 2], sum[half * 2 + 1]);
  }

  // The warp's first pixel, which lanes 0 to 3 hold.
  __device__ __forceinline__ void set_shift(float* own) const {
    if (lane_ < 4) {
#pragma unroll
      for (int column = 0; column < kChannels; column += 32) {
#pragma unroll
        for (int i = 0; i < 8; i += 2) {
          *reinterpret_cast<float2*>(own + column + lane_ * 8 + i) =
              floats_of_pair<T>(rounded_pair(0, 0, column, i));
        }
      }
    }
    __syncwarp();
  }

  // Of 32 channels.
  __device__ __forceinline__ void add_columns(float* own, int column,
                                              const bool (&inside)[kFragments][2]) const {
    float value[16] = {};  // distances of the lane's 8 channels from the shift, then their squares
#pragma unroll
    for (int i = 0; i < 8; i += 2) {
      const auto shift = *reinterpret_cast<const float2*>(own + column + lane_ % 4 * 8 + i);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const float2 p = floats_of_pair<T>(rounded_pair(m, half, column, i));
          const float first = inside[m][half] ? p.x - shift.x : 0;
          const float second = inside[m][half] ? p.y - shift.y : 0;
          value[i] += first;
          value[i + 1] += second;
          value[8 + i] += first * first;
          value[8 + i + 1] += second * second;
        }
      }
    }
    const float2 sums = sum_over_pixels(value);
    float* const to =
        own + (1 + lane_ / 16) * kChannels + column + lane_ % 4 * 8 + lane_ / 8 % 2 * 4 + lane_ / 4 % 2 * 2;
    auto& total = *reinterpret_cast<float2*>(to);
    total.x += sums.x;
    total.y += sums.y;
  }
};

}  // namespace cf::kernels::convfirst_hopper

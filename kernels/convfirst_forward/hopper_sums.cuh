// The sums of convfirst's Hopper route: a tile's y in registers, begun from x and the bias, or from zero
// where the block does not convolve, and written to memory in the end.
#pragma once

#include "kernels/convfirst_forward/hopper_convolution.cuh"

namespace cf::kernels::convfirst_hopper {

template <class T, class Tile>
class Sums : protected Convolution<T, Tile> {
 protected:
  using Base = Convolution<T, Tile>;
  using Base::a_;
  using Base::at_group;
  using Base::Base;
  using Base::base_;
  using Base::first_row;
  using Base::kChannels;
  using Base::kFragments;
  using Base::kPatches;
  using Base::kSteps;
  using Base::lane_;
  using Base::layout_;
  using Base::offset_of;
  using Base::patch_at;
  using Base::shared_;
  using Base::tile_;
  using Base::u_;
  using Base::warp_;
  using typename Base::Patch;

  // Without a convolution: the rows of the tile are u.
  __device__ __forceinline__ void load_rows() {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const std::uint32_t row = tile_ + offset_of(first_row(m) + lane_ % 16);
#pragma unroll
      for (int s = 0; s < kSteps; ++s) load_matrix_a(at_group(row ^ lane_ / 16 * 16, 2 * s), u_[m][s]);
#pragma unroll
      for (auto& sums : sum_[m]) sums[0] = sums[1] = sums[2] = sums[3] = 0;
    }
  }

  // Offset of x at the pixel of row `half` of the lane's part of fragment m.
  __device__ __forceinline__ std::uint32_t center_of(int m, int half) const {
    if constexpr (kPatches) {
      const int line = warp_ * 2 + half, column = lane_ / 4;
      return tile_ - base_ + m * a_.tiling.block_bytes +
             offset_of((line + 1) * (HopperTile::kPatch + 2) + column + 1);
    }
    return tile_ - base_ + offset_of(static_cast<int>(a_.width) + 1 + first_row(m) + lane_ / 4 + half * 8);
  }

  // sum = x + project_bias.
  __device__ __forceinline__ void start_sums() {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t x = center_of(m, half);
#pragma unroll
        for (int column = 0; column < kChannels; column += 32) {
          const int channel = column + lane_ % 4 * 8;
          const auto values = word<const Pack<T, 8>>(shared_, at_group(x, channel / kGroup));
#pragma unroll
          for (int i = 0; i < 8; i += 2) {
            const float2 bias = word<float2>(shared_, layout_.project_bias + (channel + i) * 4);
            sum_[m][column / 8 + i / 2][half * 2] = to_float(values.value[i]) + bias.x;
            sum_[m][column / 8 + i / 2][half * 2 + 1] = to_float(values.value[i + 1]) + bias.y;
          }
        }
      }
    }
  }

  // Of all images: the pixel of row `half` of the lane's part of fragment m of a tile.
  __device__ __forceinline__ std::uint32_t pixel_of(std::uint32_t first_pixel, int m, int half) const {
    if constexpr (kPatches) {
      const Patch patch = patch_at(first_pixel / 64 + m);
      return (patch.image * a_.height + patch.row + warp_ * 2 + half) * a_.width + patch.column + lane_ / 4;
    }
    return first_pixel + first_row(m) + lane_ / 4 + half * 8;
  }

  __device__ __forceinline__ void store(std::uint32_t first_pixel) const {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t pixel = pixel_of(first_pixel, m, half);
        if (pixel >= a_.pixels) continue;
        T* y = a_.y + static_cast<std::int64_t>(pixel) * kChannels + lane_ % 4 * 8;
#pragma unroll
        for (int column = 0; column < kChannels; column += 32) {
          Pack<std::uint32_t, 4> pack;
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float(&sum)[4] = sum_[m][column / 8 + i];
            pack.value[i] = round_pair<T>(sum[half * 2], sum[half * 2 + 1]);
          }
          *reinterpret_cast<Pack<std::uint32_t, 4>*>(y + column) = pack;
        }
      }
    }
  }

  float sum_[kFragments][kChannels / 8][4];  // of y, by permuted column
};

}  // namespace cf::kernels::convfirst_hopper

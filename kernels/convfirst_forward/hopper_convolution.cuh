// The convolution of convfirst's Hopper route, by mma.sync: of runs as in the portable route, of patches with
// less to load.
#pragma once

#include "kernels/base/mma.cuh"
#include "kernels/convfirst_forward/hopper_copies.cuh"

namespace cf::kernels::convfirst_hopper {

template <class T, class Tile>
class Convolution : protected Copies<T, Tile> {
 protected:
  using Base = Copies<T, Tile>;
  using Base::a_;
  using Base::at_group;
  using Base::Base;
  using Base::base_;
  using Base::convolved_;
  using Base::kFragments;
  using Base::kGroups;
  using Base::kOwnGroups;
  using Base::kRowBytes;
  using Base::kSteps;
  using Base::lane_;
  using Base::layout_;
  using Base::offset_of;
  using Base::shared_;
  using Base::tile_;
  using Base::warp_;

  // The warp's first pixel of fragment m, in the tile.
  __device__ __forceinline__ int first_row(int m) const { return m * 64 + warp_ * 16; }

  // Shared addresses of the lane's row of A for two taps at a time, see the portable route.
  __device__ __forceinline__ void find_taps(std::uint32_t first_pixel,
                                            std::uint32_t (&address)[kFragments][5]) const {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const int i = first_row(m) + lane_ % 16;
      const std::uint32_t pixel = first_pixel + i, row = pixel / a_.width;
      const std::uint32_t column = pixel - row * a_.width, line = row % a_.height;
#pragma unroll
      for (int j = 0; j < 5; ++j) {
        const int tap = j == 4 ? 8 : 2 * j + lane_ / 16, r = tap / 3, s = tap % 3;
        const bool inside =
            pixel < a_.pixels && line + r - 1 < a_.height && column + s - 1 < a_.width;  // -1 wraps around
        address[m][j] =
            tile_ + offset_of(inside ? i + r * static_cast<int>(a_.width) + s : a_.tiling.run_pixels);
      }
    }
  }

  __device__ __forceinline__ void load_taps(int group, std::uint32_t (&taps)[kTaps]) const {
    const std::uint32_t row = base_ + layout_.filter + (group * kGroup + lane_ % 8) * kFilterRowBytes;
    const std::uint32_t quarter = row + lane_ / 8 * 16;
    load_matrices<Rows::AsRows>(quarter, taps[0], taps[1], taps[2], taps[3]);
    load_matrices<Rows::AsRows>(quarter + 64, taps[4], taps[5], taps[6], taps[7]);
    load_matrices<Rows::AsRows>(row + 128, taps[8]);
  }

  __device__ __forceinline__ void convolve(std::uint32_t first_pixel) {
    std::uint32_t address[kFragments][5];
    find_taps(first_pixel, address);
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      std::uint32_t taps[kTaps];
      load_taps(g, taps);
      const float2 bias = word<float2>(shared_, layout_.conv_bias + (g * kGroup + lane_ % 4 * 2) * 4);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        float sum[4] = {bias.x, bias.y, bias.x, bias.y};
        MatrixA pair;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          load_matrix_a(at_group(address[m][j], g), pair);
          multiply_add<T>(sum, pair, taps[2 * j], taps[2 * j + 1]);
        }
        load_matrices<Rows::AsRows>(at_group(address[m][4], g), pair.upper_left, pair.lower_left);
        multiply_add<T>(sum, pair.upper_left, pair.lower_left, taps[8]);
        MatrixA& u = u_[m][g / 2];
        (g % 2 == 0 ? u.upper_left : u.upper_right) = round_pair<T>(sum[0], sum[1]);
        (g % 2 == 0 ? u.lower_left : u.lower_right) = round_pair<T>(sum[2], sum[3]);
      }
    }
  }

  // --- the convolution of patches: each warp has some groups of all pixels, whose filters stay in registers,
  // and passes the result on through shared memory. A tap one row below is what the next row has loaded
  // already.

  __device__ __forceinline__ void load_own_taps() {
#pragma unroll
    for (int i = 0; i < kOwnGroups; ++i) load_taps(warp_ * kOwnGroups + i, own_taps_[i]);
  }

  __device__ __forceinline__ void convolve_patches(int phase) {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int i = 0; i < kOwnGroups; ++i) convolve_group(m, warp_ * kOwnGroups + i, own_taps_[i], phase);
    }
  }

  __device__ __forceinline__ std::uint32_t convolved_at(int m, int phase) const {
    return convolved_ + (phase * kFragments + m) * 64 * kRowBytes;
  }

  __device__ __forceinline__ void convolve_group(int m, int group, const std::uint32_t (&taps)[kTaps],
                                                 int phase) {
    constexpr int kSide = HopperTile::kPatch + 2, kMatrices = kSide * 3;
    std::uint32_t rows[kMatrices + 2];  // matrix 3 r + s: eight pixels of row r from column s on
    const std::uint32_t patch = tile_ + m * a_.tiling.block_bytes;
#pragma unroll
    for (int j = 0; j < kMatrices; j += 4) {
      const int matrix = min(j + lane_ / 8, kMatrices - 1);
      const std::uint32_t address =
          at_group(patch + offset_of(matrix / 3 * kSide + matrix % 3 + lane_ % 8), group);
      load_matrices<Rows::AsRows>(address, rows[j], rows[j + 1], rows[j + 2], rows[j + 3]);
    }
    const auto bias = word<float2>(shared_, layout_.conv_bias + (group * kGroup + lane_ % 4 * 2) * 4);
    float sum[4][4];
    const auto row = [&](int i, int tap) { return rows[(2 * i + tap / 3) * 3 + tap % 3]; };
    const auto next = [&](int i, int tap) { return rows[(2 * i + 1 + tap / 3) * 3 + tap % 3]; };
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const MatrixA a{row(i, 0), next(i, 0), row(i, 1), next(i, 1)};
      multiply_add<T>(sum[i], {bias.x, bias.y, bias.x, bias.y}, a, taps[0], taps[1]);
    }
#pragma unroll
    for (int tap = 2; tap < kTaps - 1; tap += 2) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const MatrixA a{row(i, tap), next(i, tap), row(i, tap + 1), next(i, tap + 1)};
        multiply_add<T>(sum[i], a, taps[tap], taps[tap + 1]);
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) multiply_add<T>(sum[i], row(i, 8), next(i, 8), taps[8]);
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      const std::uint32_t address = convolved_at(m, phase) + offset_of(i * 16 + lane_);
      store_matrices(address ^ group * 16, round_pair<T>(sum[i][0], sum[i][1]),
                     round_pair<T>(sum[i][2], sum[i][3]), round_pair<T>(sum[i + 1][0], sum[i + 1][1]),
                     round_pair<T>(sum[i + 1][2], sum[i + 1][3]));
    }
  }

  __device__ __forceinline__ void load_convolved(int phase) {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const std::uint32_t row =
          convolved_at(m, phase) + (offset_of(warp_ * 16 + lane_ % 16) ^ lane_ / 16 * 16);
#pragma unroll
      for (int s = 0; s < kSteps; ++s) load_matrix_a(row ^ s * 32, u_[m][s]);
    }
  }

  MatrixA u_[kFragments][kSteps];              // conv(x) + bias, or x itself
  std::uint32_t own_taps_[kOwnGroups][kTaps];  // of patches
};

}  // namespace cf::kernels::convfirst_hopper

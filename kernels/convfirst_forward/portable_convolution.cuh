// The convolution of convfirst's portable route: what a thread is in its block, and u of the warp's pixels.
#pragma once

#include "kernels/base/mma.cuh"
#include "kernels/convfirst_forward/portable_copies.cuh"

namespace cf::kernels::convfirst_portable {

inline constexpr int kFilterRowBytes = kTaps * kGroup * 2;

template <class T, class Tile>
class Convolution {
 public:
  __device__ __forceinline__ Convolution(const Arguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        layout_(Tile::get(), arguments.tiling),
        shared_(shared),
        base_(shared_address(shared)),
        copies_{arguments, layout_, shared, base_},
        warp_(static_cast<int>(threadIdx.x) / kLanes % arguments.tiling.team_warps),
        team_(static_cast<int>(threadIdx.x) / kLanes / arguments.tiling.team_warps),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        tile_start_(layout_.tiles + team_ * arguments.tiling.tile_bytes) {}

 protected:
  static constexpr int kChannels = Tile::get().channels, kFragments = Tile::get().fragments,
                       kChunk = Tile::get().chunk;
  static constexpr bool kFilterInSharedMemory = Tile::get().filter_in_shared_memory,
                        kConvolves = Tile::get().convolves;
  static constexpr int kPixelBytes = Tile::get().pixel_bytes(), kExpandBytes = Tile::get().expand_bytes(),
                       kProjectRowBytes = Tile::get().project_row_bytes(),
                       kChunkBytes = Tile::get().chunk_bytes();
  static constexpr int kSteps = kChannels / 16, kHiddenSteps = kChunk / 16;  // depth of the two products
  static constexpr int kGroups = kChannels / kGroup, kWhole = kChannels / 32;

  // Shared addresses of the lane's row of A for two taps at a time: lanes 0-15 the pixels at the even tap,
  // 16-31 at the odd one; the ninth tap alone.
  __device__ __forceinline__ void find_taps(std::uint32_t first_pixel,
                                            std::uint32_t (&address)[kFragments][5]) const {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const int i = (warp_ * kFragments + m) * 16 + lane_ % 16;
      const std::uint32_t pixel = first_pixel + i, row = pixel / a_.width;
      const std::uint32_t column = pixel - row * a_.width, line = row % a_.height;
#pragma unroll
      for (int j = 0; j < 5; ++j) {
        const int tap = j == 4 ? 8 : 2 * j + lane_ / 16, r = tap / 3, s = tap % 3;
        const bool inside =
            pixel < a_.pixels && line + r - 1 < a_.height && column + s - 1 < a_.width;  // -1 wraps around
        address[m][j] = base_ + (inside ? tile_start_ + (i + r * a_.tiling.row_stride + s) * kPixelBytes : 0);
      }
    }
  }

  // B fragments of a group's nine taps.
  __device__ __forceinline__ void load_taps(int group, std::uint32_t (&taps)[kTaps]) const {
    if constexpr (kFilterInSharedMemory) {
      const std::uint32_t row = base_ + layout_.filter + (group * kGroup + lane_ % 8) * kFilterRowBytes;
      const std::uint32_t quarter = row + lane_ / 8 * 16;
      load_matrices<Rows::AsRows>(quarter, taps[0], taps[1], taps[2], taps[3]);
      load_matrices<Rows::AsRows>(quarter + 64, taps[4], taps[5], taps[6], taps[7]);
      load_matrices<Rows::AsRows>(row + 128, taps[8]);
    } else {
      const int channel = group * kGroup + lane_ / 4;
      const T* row = a_.conv + channel * kTaps * kGroup + lane_ % 4 * 2;
#pragma unroll
      for (int i = 0; i < kTaps; ++i) {
        taps[i] = channel < a_.channels ? __ldg(reinterpret_cast<const std::uint32_t*>(row + i * kGroup)) : 0;
      }
    }
  }

  __device__ __forceinline__ void convolve(std::uint32_t first_pixel) {
    std::uint32_t address[kFragments][5];
    find_taps(first_pixel, address);
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      std::uint32_t taps[kTaps];
      load_taps(g, taps);
      const float2 bias = floats<float2>(layout_.conv_bias + (g * kGroup + lane_ % 4 * 2) * 4);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        float sum[4] = {bias.x, bias.y, bias.x, bias.y};
        MatrixA pair;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          load_matrix_a(address[m][j] + g * 16, pair);
          multiply_add<T>(sum, pair, taps[2 * j], taps[2 * j + 1]);
        }
        load_matrices<Rows::AsRows>(address[m][4] + g * 16, pair.upper_left, pair.lower_left);
        multiply_add<T>(sum, pair.upper_left, pair.lower_left, taps[8]);
        MatrixA& u = u_[m][g / 2];
        (g % 2 == 0 ? u.upper_left : u.upper_right) = round_pair<T>(sum[0], sum[1]);
        (g % 2 == 0 ? u.lower_left : u.lower_right) = round_pair<T>(sum[2], sum[3]);
      }
    }
  }

  template <class Floats>
  __device__ __forceinline__ Floats floats(int offset) const {
    return *reinterpret_cast<const Floats*>(shared_ + offset);
  }

  const Arguments<T>& a_;
  const ConvFirstLayout layout_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const Copies<T, Tile> copies_;
  const int warp_, team_, lane_;  // the warp in its team
  const int tile_start_;
  MatrixA u_[kFragments][kSteps];  // conv(x) + bias or x itself, A fragments
};

}  // namespace cf::kernels::convfirst_portable

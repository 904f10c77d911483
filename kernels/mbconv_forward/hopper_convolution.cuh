// The convolution of mbconv's Hopper route at place Cuda: a warp has two groups of all pixels of its
// warpgroup's tile, where t lies and u takes its place.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/mbconv_forward/activate_pair.cuh"
#include "kernels/mbconv_forward/hopper_cluster.cuh"
#include "kernels/mbconv_forward/hopper_tiling.h"

namespace cf::kernels::mbconv_hopper {

inline constexpr int kLanes = 32, kTeamThreads = 128, kTaps = 9;
inline constexpr int kHiddenThreads = (MBConvHopperTiling::kTeams + 1) * kTeamThreads;
inline constexpr int kRowBytes = MBConvHopperTiling::kRowBytes;

// Offset of a 16-byte piece of a row, swizzled as wgmma and the copy engine have it.
__device__ inline int offset_of(int row, int piece) { return row * kRowBytes + (piece ^ row % 8) * 16; }

template <class T>
struct HiddenArguments {
  CUtensorMap x;       // [pixels][channels]
  CUtensorMap expand;  // [hidden][channels], half a slice at a time
  CUtensorMap u;       // [images][height][width][hidden], an image of a slice at a time
  const T* conv;
  const float *expand_bias, *conv_bias;
  float* sums;  // of u over the pixels [images][hidden]
  int images, height, width, hidden;
  int slices;  // of a block
  MBConvHopperTiling tiling;
};

template <class T, Activation kActivation>
class Convolution {
 public:
  // tile: the address of the warpgroup's tile; warp: in its warpgroup.
  __device__ __forceinline__ Convolution(const HiddenArguments<T>& arguments, std::uint32_t tile, int warp,
                                         int lane)
      : a_(arguments), tiling_(arguments.tiling), tile_(tile), warp_(warp), lane_(lane) {}

  // One register for each tap: row lane / 4 (output channel), columns 2 (lane % 4) and the next (input
  // channels) of its 8 x 8 matrix.
  struct Taps {
    std::uint32_t of[2][3][3];
    float bias[2];
  };

  __device__ __forceinline__ Taps load_taps(int hidden) const {
    Taps taps;
#pragma unroll
    for (int group = 0; group < 2; ++group) {
      const int channel = hidden + (warp_ * 2 + group) * kGroupWidth + lane_ / 4;
      const bool valid = channel < a_.hidden;
      const T* from = a_.conv + std::int64_t{channel} * kTaps * kGroupWidth + lane_ % 4 * 2;
#pragma unroll
      for (int i = 0; i < kTaps; ++i) {
        taps.of[group][i / 3][i % 3] =
            valid ? __ldg(reinterpret_cast<const std::uint32_t*>(from + i * kGroupWidth)) : 0;
      }
      taps.bias[group] = valid ? __ldg(a_.conv_bias + channel) : 0;
    }
    return taps;
  }

  // u of all images of the tile and its sums; t of the warp's groups is there, `hidden` the tile's first
  // channel.
  __device__ __forceinline__ void run(int hidden, const Taps& taps, int first_image) const {
    const Filter filter[2] = {make_filter(taps, 0), make_filter(taps, 1)};
    int image = 0;
    if (tiling_.pitch > 8) {
      for (; image < tiling_.images; ++image) convolve<1, 2>(hidden, first_image, image, filter);
    } else {  // two images at a time, so that there is as much to do beside a product
      for (; image + 1 < tiling_.images; image += 2) convolve<2, 1>(hidden, first_image, image, filter);
      if (image < tiling_.images) convolve<1, 1>(hidden, first_image, image, filter);
    }
  }

 private:
  static __device__ __forceinline__ std::uint32_t activated(float first, float second) {
    return mbconv_detail::activate_pair<T, kActivation>(first, second);
  }

  // What the first and the second two of four rows of t contribute to two rows of u, see grouped_conv. In two
  // rows the matrices are, in order, row 0: taps 0, 1, 2, row 1: taps 0, 1, 2.
  struct Filter {
    MatrixA upper[3], lower[3];
    float start[4];
  };

  static __device__ __forceinline__ Filter make_filter(const Taps& taps, int group) {
    const auto& [a, b, c] = taps.of[group];
    const float bias = taps.bias[group];
    return {{{a[0], 0, a[1], 0}, {a[2], 0, b[0], a[0]}, {b[1], a[1], b[2], a[2]}},
            {{c[0], b[0], c[1], b[1]}, {c[2], b[2], 0, c[0]}, {0, c[1], 0, c[2]}},
            {bias, bias, bias, bias}};
  }

  // Two rows of t of a run of 8 columns, both groups.
  using TwoRows = std::uint32_t[2][6];

  // A warp's way down the rows of a run: addresses of this lane, of matrices of the first group.
  struct Run {
    std::uint32_t first_four, last_two, output;
    int four_step, two_step, output_step;  // bytes to the next two rows
    std::uint32_t inside;                  // of the lane's two pixels, as a mask of a pair

    __device__ void load(TwoRows& rows) {
#pragma unroll
      for (int group = 0; group < 2; ++group) {
        auto& r = rows[group];
        load_matrices<Rows::AsRows>(first_four ^ group * 16, r[0], r[1], r[2], r[3]);
        load_matrices<Rows::AsRows>(last_two ^ group * 16, r[4], r[5]);
      }
      first_four += four_step;
      last_two += two_step;
    }
  };

  // From row -1 of the image on; pixels outside of a row are the zero pixel.
  __device__ __forceinline__ Run run_of(int image, int first_column) const {
    const int two_rows = 2 * tiling_.pitch * kRowBytes, column = first_column + lane_ % 8;
    const auto place = [&](int row, int at) {
      return tile_ + offset_of((1 + image * tiling_.image_rows + row) * tiling_.pitch + at, warp_ * 2);
    };
    const auto inside = [&](int at) { return at >= 0 && at < a_.width; };
    const int of_four = column + lane_ / 8 % 3 - 1, of_two = column + lane_ / 8 % 2;
    const int pixel = first_column + lane_ % 4 * 2;
    return {.first_four = inside(of_four) ? place(lane_ / 24 - 1, of_four) : tile_,
            .last_two = inside(of_two) ? place(0, of_two) : tile_,
            .output = place(lane_ / 8 % 2, column) ^ lane_ / 16 * 16,
            .four_step = inside(of_four) ? two_rows : 0,
            .two_step = inside(of_two) ? two_rows : 0,
            .output_step = two_rows,
            .inside = (inside(pixel) ? 0xffffU : 0U) | (inside(pixel + 1) ? 0xffff0000U : 0U)};
  }

  // Pairs of rows from the top, the loaded ones in turn; u overwrites what no later pair reads. Its sums over
  // the pixels are products with ones: rows 0 to 7 those of even, 8 to 15 of odd rows of the image.
  template <int kImages, int kRunsOfImage>
  __device__ __forceinline__ void convolve(int hidden, int first_image, int image,
                                           const Filter (&filter)[2]) const {
    constexpr int kRuns = kImages * kRunsOfImage;
    Run runs[kRuns];
    TwoRows even[kRuns], odd[kRuns];
    float total[kImages][2][4] = {};
#pragma unroll
    for (int i = 0; i < kRuns; ++i) {
      runs[i] = run_of(image + i / kRunsOfImage, i % kRunsOfImage * 8);
      runs[i].load(even[i]);
    }
#pragma unroll 1
    for (int row = 0; row < a_.height; row += 4) {
#pragma unroll
      for (int i = 0; i < kRuns; ++i) runs[i].load(odd[i]);
      convolve_two_rows(row, filter, even, odd, runs, total);
      if (row + 2 >= a_.height) break;
#pragma unroll
      for (int i = 0; i < kRuns; ++i) runs[i].load(even[i]);
      convolve_two_rows(row + 2, filter, odd, even, runs, total);
    }
#pragma unroll
    for (int i = 0; i < kImages; ++i) write_totals(hidden, first_image + image + i, total[i]);
  }

  template <int kRuns, int kImages>
  __device__ __forceinline__ void convolve_two_rows(int row, const Filter (&filter)[2],
                                                    const TwoRows (&upper)[kRuns],
                                                    const TwoRows (&lower)[kRuns], Run (&runs)[kRuns],
                                                    float (&total)[kImages][2][4]) const {
    __syncwarp();
    const std::uint32_t second = row + 1 < a_.height ? ~0U : 0U;  // else zeros stay below the image
    std::uint32_t u[2][kRuns][2];
#pragma unroll
    for (int i = 0; i < kRuns; ++i) {
#pragma unroll
      for (int group = 0; group < 2; ++group) {
        const Filter& f = filter[group];
        const auto &above = upper[i][group], &below = lower[i][group];
        float sum[4];
        multiply_add<T>(sum, f.start, f.upper[0], above[0], above[1]);
        multiply_add<T>(sum, f.upper[1], above[2], above[3]);
        multiply_add<T>(sum, f.upper[2], above[4], above[5]);
#pragma unroll
        for (int j = 0; j < 3; ++j) multiply_add<T>(sum, f.lower[j], below[2 * j], below[2 * j + 1]);
        u[group][i][0] = activated(sum[0], sum[1]) & runs[i].inside;
        u[group][i][1] = activated(sum[2], sum[3]) & runs[i].inside & second;
      }
      store_matrices_as_columns(runs[i].output, u[0][i][0], u[0][i][1], u[1][i][0], u[1][i][1]);
      runs[i].output += runs[i].output_step;
    }
    const std::uint32_t ones = round_pair<T>(1, 1);
#pragma unroll
    for (int group = 0; group < 2; ++group) {
      const auto& of = u[group];
      if constexpr (kRuns > kImages) {
        multiply_add<T>(total[0][group], {of[0][0], of[0][1], of[1][0], of[1][1]}, ones, ones);
      } else {
#pragma unroll
        for (int i = 0; i < kImages; ++i) multiply_add<T>(total[i][group], of[i][0], of[i][1], ones);
      }
    }
  }

  __device__ __forceinline__ void write_totals(int hidden, int image, const float (&total)[2][4]) const {
    if (lane_ % 4 != 0 || image >= a_.images) return;
#pragma unroll
    for (int group = 0; group < 2; ++group) {
      const int channel = hidden + (warp_ * 2 + group) * kGroupWidth + lane_ / 4;
      if (channel < a_.hidden) {
        a_.sums[std::int64_t{image} * a_.hidden + channel] = total[group][0] + total[group][2];
      }
    }
  }

  const HiddenArguments<T>& a_;
  const MBConvHopperTiling& tiling_;
  const std::uint32_t tile_;
  const int warp_, lane_;
};

}  // namespace cf::kernels::mbconv_hopper

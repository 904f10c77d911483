// The first half of mbconv's Hopper route at place Cuda: x to u and its sums over the pixels.
//
// x of the block's images stays in shared memory; weights of 64 hidden channels at a time pass through a
// ring. A warpgroup multiplies by wgmma with the hidden channels as rows and the pixels as columns, and puts
// t down transposed, pixel by pixel. Each of its warps then has all pixels of two groups of the convolution,
// by mma.sync: a tap one row below is what the next row has loaded already. u takes the place of t and leaves
// through the copy engine. While one warpgroup convolves, the other multiplies.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/base/named_barrier.cuh"
#include "kernels/base/wgmma_shared.cuh"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/mbconv_forward/activate_pair.cuh"
#include "kernels/mbconv_forward/hopper_cluster.cuh"
#include "kernels/mbconv_forward/hopper_tiling.h"

namespace cf::kernels::mbconv_hopper {

using cf::store_matrices_as_columns;  // of two matrices, beside that of four

inline constexpr int kLanes = 32, kTeamThreads = 128, kTaps = 9;
inline constexpr int kRowBytes = MBConvHopperTiling::kRowBytes;
inline constexpr int kHiddenThreads = MBConvHopperTiling::kTeams * kTeamThreads + kLanes;

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

template <class T, int kColumns, Activation kActivation>
class HiddenWorker {
 public:
  __device__ __forceinline__ HiddenWorker(const HiddenArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        tiling_(arguments.tiling),
        layout_(arguments.tiling),
        shared_(shared),
        base_(shared_address(shared)),
        blocks_(cluster_size()),
        warp_(static_cast<int>(threadIdx.x) / kLanes % 4),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        team_(static_cast<int>(threadIdx.x) / kTeamThreads),
        first_image_(static_cast<int>(blockIdx.x) * arguments.tiling.images),
        first_slice_(static_cast<int>(blockIdx.y) * arguments.slices),
        slices_(
            min(arguments.slices, (arguments.hidden + Tiling::kSlice - 1) / Tiling::kSlice - first_slice_)),
        tile_(layout_.teams + team_ * arguments.tiling.team_bytes()),
        ring_{base_ + layout_.barriers + arguments.tiling.depth_blocks * 8, arguments.tiling.slots} {}

  __device__ __forceinline__ void run() {
    start_next_kernel();
    prepare();
    wait_for_last_kernel();
    if (team_ == Tiling::kTeams) {
      if (lane_ == 0) copy();
    } else {
      ring_.advance(team_ * tiling_.depth_blocks);
      for (int i = team_; i < slices_; i += Tiling::kTeams) {
        compute_slice((first_slice_ + i) * Tiling::kSlice);
        ring_.advance((Tiling::kTeams - 1) * tiling_.depth_blocks);
      }
      if (threadIdx.x % kTeamThreads == 0) wait_for_stores();
    }
    __syncwarp();
    cluster_barrier();  // the other block may still write to this one's shared memory
  }

 private:
  using Tiling = MBConvHopperTiling;
  static constexpr int kTiles = kColumns / 8;  // of eight pixels
  using Sums = float[kTiles][4];

  __device__ __forceinline__ std::uint32_t x_barrier(int block) const {
    return base_ + layout_.barriers + block * 8;
  }

  // Barriers, zeros around the images, and where each pixel of the product lies in a team's tile.
  __device__ __forceinline__ void prepare() {
    if (threadIdx.x == 0) {
      for (int i = 0; i < tiling_.depth_blocks; ++i) init_barrier(x_barrier(i), 1);
      ring_.init(4 * blocks_);
      fence_barriers();
    }
    for (int i = threadIdx.x; i < Tiling::kTeams * tiling_.team_bytes() / 16; i += kHiddenThreads) {
      word<uint4>(layout_.teams + i * 16) = uint4{};
    }
    const int pixels = a_.height * a_.width;
    for (int i = threadIdx.x; i < kColumns; i += kHiddenThreads) {
      const int image = i / pixels, row = i % pixels / a_.width, column = i % pixels % a_.width;
      const int place = image < tiling_.images
                            ? (1 + image * tiling_.image_rows + row) * tiling_.pitch + column
                            : tiling_.team_pixels() + i % 8;
      word<int>(layout_.places + i * 4) = offset_of(place, 0);
    }
    cluster_barrier();
  }

  // --- the copying warp

  __device__ __forceinline__ void copy() {
    const int pixel = first_image_ * a_.height * a_.width;
    for (int block = 0; block < tiling_.depth_blocks; ++block) {
      expect_bytes(x_barrier(block), kColumns * kRowBytes);
      copy_tensor(base_ + block * kColumns * kRowBytes, a_.x, x_barrier(block), block * Tiling::kDepth,
                  pixel);
    }
    const int rank = cluster_rank();
    for (int slice = 0; slice < slices_; ++slice) {
      for (int block = 0; block < tiling_.depth_blocks; ++block) {
        ring_.wait_until_empty();
        expect_bytes(ring_.full(), Tiling::kSlotBytes);
        load_weights((first_slice_ + slice) * Tiling::kSlice, block * Tiling::kDepth, rank);
        ring_.advance();
      }
    }
  }

  // Of a slot: all of it, or this block's half for both blocks.
  __device__ __forceinline__ void load_weights(int hidden, int channel, int rank) const {
    constexpr int kRows = Tiling::kSlice / 2;
    const std::uint32_t slot = base_ + layout_.slots + ring_.slot * Tiling::kSlotBytes;
    for (int half = rank; half < 2; half += blocks_) {
      const std::uint32_t to = slot + half * kRows * kRowBytes;
      if (blocks_ == 1) {
        copy_tensor(to, a_.expand, ring_.full(), channel, hidden + half * kRows);
      } else {
        copy_tensor_to_cluster(to, a_.expand, ring_.full(), blocks_, channel, hidden + half * kRows);
      }
    }
  }

  // --- a warpgroup

  __device__ __forceinline__ void compute_slice(int hidden) {
    const Taps taps = load_taps(hidden);
    Sums sum;
    expand(hidden, sum);
    if (threadIdx.x % kTeamThreads == 0) wait_for_stores();
    named_barrier(1 + team_, kTeamThreads);
    put_expanded(sum);
    __syncwarp();
    const Filter filter[2] = {make_filter(taps, 0), make_filter(taps, 1)};
    for (int image = 0; image < tiling_.images; ++image) {
      float total[2][4] = {};
      if (tiling_.pitch == 8) {
        convolve<1>(image, filter, total);
      } else {
        convolve<2>(image, filter, total);
      }
      write_totals(hidden, first_image_ + image, total);
    }
    fence_for_warpgroups();
    named_barrier(1 + team_, kTeamThreads);
    if (threadIdx.x % kTeamThreads == 0) {
      for (int image = 0; image < tiling_.images; ++image) {
        store_tensor(base_ + tile_ + (1 + image * tiling_.image_rows) * tiling_.pitch * kRowBytes, a_.u,
                     hidden, 0, 0, first_image_ + image);
      }
      commit_stores();
    }
  }

  // The product, started from the bias: rows lane / 4 and lane / 4 + 8 of the warp's 16.
  __device__ __forceinline__ void expand(int hidden, Sums& sum) {
    const int row = hidden + warp_ * 16 + lane_ / 4;
    const float upper = row < a_.hidden ? __ldg(a_.expand_bias + row) : 0,
                lower = row + 8 < a_.hidden ? __ldg(a_.expand_bias + row + 8) : 0;
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      sum[i][0] = sum[i][1] = upper;
      sum[i][2] = sum[i][3] = lower;
    }
    int last = -1;
    for (int block = 0; block < tiling_.depth_blocks; ++block) {
      wait_for_phase(x_barrier(block), 0);
      wait_for_phase(ring_.full(), ring_.phase);
      const std::uint32_t weights = base_ + layout_.slots + ring_.slot * Tiling::kSlotBytes,
                          x = base_ + block * kColumns * kRowBytes;
      warpgroup_pin(sum);
      warpgroup_fence();
#pragma unroll
      for (int step = 0; step < Tiling::kDepth / 16; ++step) {
        warpgroup_multiply<T>(sum, matrix_descriptor<kRowBytes>(weights + step * 32),
                              matrix_descriptor<kRowBytes>(x + step * 32));
      }
      warpgroup_commit();
      if (last >= 0) {
        warpgroup_wait<1>();
        ring_.release(last);
      }
      last = ring_.slot;
      ring_.advance();
    }
    warpgroup_wait<0>();
    warpgroup_pin(sum);
    ring_.release(last);
  }

  static __device__ __forceinline__ std::uint32_t activated(float first, float second) {
    return mbconv_detail::activate_pair<T, kActivation>(first, second);
  }

  // t of the warp's two groups: a 16-byte piece of a pixel for each.
  __device__ __forceinline__ void put_expanded(const Sums& sum) const {
    const std::uint32_t tile = base_ + tile_;
    const int piece = (warp_ * 2 + lane_ / 8 % 2) * 16,
              first = layout_.places + (lane_ / 16 * 8 + lane_ % 8) * 4;
#pragma unroll
    for (int i = 0; i + 1 < kTiles; i += 2) {
      store_matrices_as_columns(tile + (word<const int>(first + i * 32) ^ piece),
                                activated(sum[i][0], sum[i][1]), activated(sum[i][2], sum[i][3]),
                                activated(sum[i + 1][0], sum[i + 1][1]),
                                activated(sum[i + 1][2], sum[i + 1][3]));
    }
    if constexpr (kTiles % 2 != 0) {
      const float(&last)[4] = sum[kTiles - 1];
      const int place = word<const int>(layout_.places + ((kTiles - 1) * 8 + lane_ % 8) * 4);
      store_matrices_as_columns(tile + (place ^ piece), activated(last[0], last[1]),
                                activated(last[2], last[3]));
    }
  }

  // --- the convolution, of one image and the warp's two groups

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
      return base_ + tile_ +
             offset_of((1 + image * tiling_.image_rows + row) * tiling_.pitch + at, warp_ * 2);
    };
    const auto inside = [&](int at) { return at >= 0 && at < a_.width; };
    const int of_four = column + lane_ / 8 % 3 - 1, of_two = column + lane_ / 8 % 2;
    const int pixel = first_column + lane_ % 4 * 2;
    return {.first_four = inside(of_four) ? place(lane_ / 24 - 1, of_four) : base_ + tile_,
            .last_two = inside(of_two) ? place(0, of_two) : base_ + tile_,
            .output = place(lane_ / 8 % 2, column) ^ lane_ / 16 * 16,
            .four_step = inside(of_four) ? two_rows : 0,
            .two_step = inside(of_two) ? two_rows : 0,
            .output_step = two_rows,
            .inside = (inside(pixel) ? 0xffffU : 0U) | (inside(pixel + 1) ? 0xffff0000U : 0U)};
  }

  // Pairs of rows from the top, the loaded ones in turn; u overwrites what no later pair reads. Its sums over
  // the pixels are products with ones: rows 0 to 7 those of even, 8 to 15 of odd rows of the image.
  template <int kRuns>
  __device__ __forceinline__ void convolve(int image, const Filter (&filter)[2], float (&total)[2][4]) const {
    Run runs[kRuns];
    TwoRows even[kRuns], odd[kRuns];
#pragma unroll
    for (int i = 0; i < kRuns; ++i) {
      runs[i] = run_of(image, i * 8);
      runs[i].load(even[i]);
    }
#pragma unroll 1
    for (int row = 0; row < a_.height; row += 4) {
#pragma unroll
      for (int i = 0; i < kRuns; ++i) runs[i].load(odd[i]);
      convolve_two_rows<kRuns>(row, filter, even, odd, runs, total);
      if (row + 2 >= a_.height) break;
#pragma unroll
      for (int i = 0; i < kRuns; ++i) runs[i].load(even[i]);
      convolve_two_rows<kRuns>(row + 2, filter, odd, even, runs, total);
    }
  }

  template <int kRuns>
  __device__ __forceinline__ void convolve_two_rows(int row, const Filter (&filter)[2],
                                                    const TwoRows (&upper)[kRuns],
                                                    const TwoRows (&lower)[kRuns], Run (&runs)[kRuns],
                                                    float (&total)[2][4]) const {
    __syncwarp();
    const std::uint32_t second = row + 1 < a_.height ? ~0U : 0U;  // else zeros stay below the image
#pragma unroll
    for (int i = 0; i < kRuns; ++i) {
      std::uint32_t u[2][2];
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
        u[group][0] = activated(sum[0], sum[1]) & runs[i].inside;
        u[group][1] = activated(sum[2], sum[3]) & runs[i].inside & second;
      }
      store_matrices_as_columns(runs[i].output, u[0][0], u[0][1], u[1][0], u[1][1]);
      runs[i].output += runs[i].output_step;
      const std::uint32_t ones = round_pair<T>(1, 1);
#pragma unroll
      for (int group = 0; group < 2; ++group) multiply_add<T>(total[group], u[group][0], u[group][1], ones);
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

  template <class Value>
  __device__ __forceinline__ Value& word(int offset) const {
    return *reinterpret_cast<Value*>(shared_ + offset);
  }

  const HiddenArguments<T>& a_;
  const Tiling& tiling_;
  const MBConvHopperLayout layout_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int blocks_;              // of the cluster
  const int warp_, lane_, team_;  // the warp in its team
  const int first_image_, first_slice_, slices_;
  const int tile_;
  Ring ring_;
};

template <class T, int kColumns, Activation kActivation>
__global__ void __launch_bounds__(kHiddenThreads, 1)
    mbconv_hopper_hidden_kernel(const __grid_constant__ HiddenArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  HiddenWorker<T, kColumns, kActivation>(arguments, shared).run();
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper

// The first half of mbconv's portable route at place Cuda: x to u and its sums over the pixels. A block
// computes 64 hidden channels of one tile: t of the tile's region by mma.sync with x and weights through
// cp.async, then in shared memory its convolution.
#pragma once

#include "kernels/base/async_copy.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/mbconv_forward/activate_pair.cuh"
#include "kernels/mbconv_forward/portable_tiling.h"

namespace cf::kernels::mbconv_portable {

inline constexpr int kThreads = 256, kLanes = 32, kWarps = kThreads / kLanes;
inline constexpr int kSlice = 64;      // hidden channels of a block
inline constexpr int kDepth = 64;      // terms of a product that are in shared memory at a time
inline constexpr int kRowBytes = 128;  // of 64 values; its 16-byte pieces are swizzled
inline constexpr int kPieces = kRowBytes / 16;
inline constexpr int kTaps = 9;

// Offset of a 16-byte piece of a row: the same piece of 8 neighbouring rows lies in different banks.
__device__ inline int offset_of(int row, int piece) { return row * kRowBytes + (piece ^ row % 8) * 16; }

template <class T>
struct HiddenArguments {
  const T *x, *expand, *conv;
  const float *expand_bias, *conv_bias;
  T* u;         // [images,H,W,E]
  float* sums;  // of u over the pixels of each tile [images, tiles of an image, E]
  int images, height, width, channels, hidden;
  MBConvTiling tiling;
};

struct HiddenLayout {
  static constexpr int kRegion = MBConvTiling::kMostPixels;
  static constexpr int kSlotBytes = (kRegion + kSlice) * kRowBytes;  // of a chunk of x and expand
  static constexpr int kZero = kRegion * kRowBytes;                  // behind t: a pixel of zeros
  static constexpr int kU = kZero + kRowBytes;
  static constexpr int kPartSums = kU + kRegion * kRowBytes;
  static constexpr int kSources = 2 * kSlotBytes, kTapsOf = kSources + kRegion * 4,
                       kBytes = kTapsOf + kRegion * 4;
  static_assert(kPartSums + kThreads * 32 <= kSources, "t, u and sums take the place of the chunks");
};

template <class T, Activation kActivation>
class HiddenWorker {
 public:
  __device__ __forceinline__ HiddenWorker(const HiddenArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        tiling_(arguments.tiling),
        shared_(shared),
        base_(shared_address(shared)),
        warp_(static_cast<int>(threadIdx.x) / kLanes),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        first_channel_(static_cast<int>(blockIdx.y) * kSlice) {
    const int tiles = tiling_.tiles_of_image();
    const int group = static_cast<int>(blockIdx.x) / tiles;
    tile_ = static_cast<int>(blockIdx.x) % tiles;
    first_image_ = group * tiling_.images;
    first_row_ = tile_ / tiling_.across * tiling_.rows;
    first_column_ = tile_ % tiling_.across * tiling_.columns;
  }

  __device__ __forceinline__ void run() {
    fill_tables();
    __syncthreads();
    expand();
    convolve();
    __syncthreads();
    store();
  }

 private:
  using Layout = HiddenLayout;
  static constexpr int kFragments = Layout::kRegion / 16 / kWarps;

  // For each pixel of the region its index in x, or -1 outside of the images; for each pixel of the tile
  // where it is in the region, and which of its taps are inside of its image: a bit for each, from bit 16 on.
  __device__ __forceinline__ void fill_tables() {
    const int columns = tiling_.region_columns(), pixels = tiling_.region_rows() * columns;
    for (int i = threadIdx.x; i < Layout::kRegion; i += kThreads) {
      const int image = first_image_ + i / pixels,
                row = first_row_ - tiling_.border_rows + i % pixels / columns,
                column = first_column_ - tiling_.border_columns + i % pixels % columns;
      const bool inside = i < tiling_.region_pixels() && image < a_.images && is_inside(row, column);
      word<int>(Layout::kSources + i * 4) = inside ? (image * a_.height + row) * a_.width + column : -1;
    }
    const int per_image = tiling_.rows * tiling_.columns;
    for (int i = threadIdx.x; i < Layout::kRegion; i += kThreads) {
      const int image = i / per_image, row = i % per_image / tiling_.columns, column = i % tiling_.columns;
      unsigned taps = 0;
      if (i < tiling_.tile_pixels() && is_inside(first_row_ + row, first_column_ + column)) {
        taps = image * pixels + (row + tiling_.border_rows) * columns + column + tiling_.border_columns;
        for (int tap = 0; tap < kTaps; ++tap) {
          const bool inside = is_inside(first_row_ + row + tap / 3 - 1, first_column_ + column + tap % 3 - 1);
          taps |= (inside ? 1U : 0U) << (16 + tap);
        }
      }
      word<unsigned>(Layout::kTapsOf + i * 4) = taps;
    }
  }

  __device__ __forceinline__ bool is_inside(int row, int column) const {
    return row >= 0 && row < a_.height && column >= 0 && column < a_.width;
  }

  // --- t = act(expand x + bias) of the region

  __device__ __forceinline__ void load_chunk(int chunk, int slot) const {
    const int row = static_cast<int>(threadIdx.x) / kPieces, piece = static_cast<int>(threadIdx.x) % kPieces;
    constexpr int kStep = kThreads / kPieces;
    const int channel = chunk * kDepth + piece * 8;
    const std::uint32_t to = base_ + slot * Layout::kSlotBytes;
    const int rows = (tiling_.region_pixels() + 15) / 16 * 16;
#pragma unroll
    for (int i = row; i < Layout::kRegion; i += kStep) {
      if (i >= rows) break;
      const int source = word<const int>(Layout::kSources + i * 4);
      const bool valid = source >= 0 && channel < a_.channels;
      const std::int64_t offset = valid ? std::int64_t{source} * a_.channels + channel : 0;
      copy_async_16(to + offset_of(i, piece), a_.x + offset, valid);
    }
#pragma unroll
    for (int i = row; i < kSlice; i += kStep) {
      const bool valid = first_channel_ + i < a_.hidden && channel < a_.channels;
      const std::int64_t offset = valid ? std::int64_t{first_channel_ + i} * a_.channels + channel : 0;
      copy_async_16(to + offset_of(Layout::kRegion + i, piece), a_.expand + offset, valid);
    }
    commit_copies();
  }

  // Fragments of 16 pixels go to the warps in turn.
  __device__ __forceinline__ int row_of(int m) const { return (m * kWarps + warp_) * 16; }
  __device__ __forceinline__ bool has(int m) const { return row_of(m) < tiling_.region_pixels(); }

  __device__ __forceinline__ void expand() {
    float sum[kFragments][kSlice / 8][4] = {};
    const int chunks = (a_.channels + kDepth - 1) / kDepth;
    load_chunk(0, 0);
    for (int chunk = 0; chunk < chunks; ++chunk) {
      if (chunk + 1 < chunks) {
        load_chunk(chunk + 1, (chunk + 1) % 2);
        wait_for_copies<1>();
      } else {
        wait_for_copies<0>();
      }
      __syncthreads();
      multiply_chunk(base_ + chunk % 2 * Layout::kSlotBytes, sum);
      __syncthreads();
    }
    write_expanded(sum);
    if (threadIdx.x < kLanes) word<int>(Layout::kZero + static_cast<int>(threadIdx.x) * 4) = 0;
    __syncthreads();
  }

  __device__ __forceinline__ void multiply_chunk(std::uint32_t slot,
                                                 float (&sum)[kFragments][kSlice / 8][4]) const {
#pragma unroll
    for (int step = 0; step < kDepth / 16; ++step) {
      MatrixA x[kFragments];
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        if (has(m)) load_matrix_a(slot + offset_of(row_of(m) + lane_ % 16, step * 2 + lane_ / 16), x[m]);
      }
#pragma unroll
      for (int n = 0; n < kSlice / 16; ++n) {
        std::uint32_t w[4];
        const int row = Layout::kRegion + n * 16 + lane_ % 8 + lane_ / 16 * 8;
        load_matrices<Rows::AsRows>(slot + offset_of(row, step * 2 + lane_ / 8 % 2), w[0], w[1], w[2], w[3]);
#pragma unroll
        for (int m = 0; m < kFragments; ++m) {
          if (!has(m)) continue;
          multiply_add<T>(sum[m][2 * n], x[m], w[0], w[1]);
          multiply_add<T>(sum[m][2 * n + 1], x[m], w[2], w[3]);
        }
      }
    }
  }

  __device__ __forceinline__ void write_expanded(const float (&sum)[kFragments][kSlice / 8][4]) const {
#pragma unroll
    for (int n = 0; n < kSlice / 8; ++n) {
      const float2 bias = bias_of(a_.expand_bias, n);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        if (!has(m)) continue;
        const int row = row_of(m) + lane_ / 4;
        put_pair(row, n, sum[m][n][0] + bias.x, sum[m][n][1] + bias.y);
        put_pair(row + 8, n, sum[m][n][2] + bias.x, sum[m][n][3] + bias.y);
      }
    }
  }

  // Bias of the lane's two channels of a group.
  __device__ __forceinline__ float2 bias_of(const float* bias, int group) const {
    const int channel = first_channel_ + group * 8 + lane_ % 4 * 2;
    return channel < a_.hidden ? *reinterpret_cast<const float2*>(bias + channel) : float2{};
  }

  // act(...) of the lane's two channels of a group, to row `row` of what starts at shared_.
  __device__ __forceinline__ void put_pair(int row, int group, float first, float second,
                                           int start = 0) const {
    word<std::uint32_t>(start + offset_of(row, group) + lane_ % 4 * 4) =
        mbconv_detail::activate_pair<T, kActivation>(first, second);
  }

  // --- u = act(conv(t) + bias), one group of 8 channels for each warp

  __device__ __forceinline__ void convolve() const {
    static_assert(kWarps * kGroupWidth == kSlice);
    const int channel = first_channel_ + warp_ * kGroupWidth + lane_ / 4;
    std::uint32_t filter[kTaps];
#pragma unroll
    for (int i = 0; i < kTaps; ++i) {
      const T* from = a_.conv + (std::int64_t{channel} * kTaps + i) * kGroupWidth + lane_ % 4 * 2;
      filter[i] = channel < a_.hidden ? __ldg(reinterpret_cast<const std::uint32_t*>(from)) : 0;
    }
    const float2 bias = bias_of(a_.conv_bias, warp_);
    for (int first = 0; first < tiling_.tile_pixels(); first += 16) {
      const auto taps = word<const unsigned>(Layout::kTapsOf + (first + lane_ % 16) * 4);
      float sum[4] = {bias.x, bias.y, bias.x, bias.y};
      MatrixA pair;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        load_matrix_a(address_of(taps, 2 * j + lane_ / 16), pair);
        multiply_add<T>(sum, pair, filter[2 * j], filter[2 * j + 1]);
      }
      load_matrices<Rows::AsRows>(address_of(taps, 8), pair.upper_left, pair.lower_left);
      multiply_add<T>(sum, pair.upper_left, pair.lower_left, filter[8]);
      put_pair(first + lane_ / 4, warp_, sum[0], sum[1], Layout::kU);
      put_pair(first + lane_ / 4 + 8, warp_, sum[2], sum[3], Layout::kU);
    }
  }

  // Of the warp's group of t at a tap.
  __device__ __forceinline__ std::uint32_t address_of(unsigned taps, int tap) const {
    const int pixel = static_cast<int>(taps % 65536) + (tap / 3 - 1) * tiling_.region_columns() + tap % 3 - 1;
    return base_ + ((taps >> (16 + tap)) % 2 != 0 ? offset_of(pixel, warp_) : Layout::kZero);
  }

  // --- u to memory, and its sums

  // Threads that share a piece of an image add every kth pixel each, then one adds what they have, in order.
  __device__ __forceinline__ void store() const {
    constexpr int kRows = kThreads / kPieces;
    const int piece = static_cast<int>(threadIdx.x) % kPieces, row = static_cast<int>(threadIdx.x) / kPieces;
    const int parts = kRows / tiling_.images, image = row / parts, per_image = tiling_.rows * tiling_.columns;
    const int channel = first_channel_ + piece * 8;
    float sum[8] = {};
    if (image < tiling_.images && channel < a_.hidden) {
      for (int i = image * per_image + row % parts; i < (image + 1) * per_image; i += parts) {
        const auto taps = word<const unsigned>(Layout::kTapsOf + i * 4);
        const int source = word<const int>(Layout::kSources + static_cast<int>(taps % 65536) * 4);
        if (taps == 0 || source < 0) continue;
        const auto pack = word<const Pack<T, 8>>(Layout::kU + offset_of(i, piece));
        store_pack(a_.u + std::int64_t{source} * a_.hidden + channel, pack);
#pragma unroll
        for (int j = 0; j < 8; ++j) sum[j] += to_float(pack.value[j]);
      }
    }
    auto* const part_sums = &word<float>(Layout::kPartSums);
#pragma unroll
    for (int j = 0; j < 8; ++j) part_sums[static_cast<int>(threadIdx.x) * 8 + j] = sum[j];
    __syncthreads();
    for (int i = threadIdx.x; i < tiling_.images * kSlice; i += kThreads)
      add_parts(i / kSlice, i % kSlice, parts);
  }

  __device__ __forceinline__ void add_parts(int image, int channel, int parts) const {
    const auto* const part_sums = &word<const float>(Layout::kPartSums);
    float sum = 0;
    for (int part = 0; part < parts; ++part) sum += part_sums[(image * parts + part) * kSlice + channel];
    if (first_image_ + image >= a_.images || first_channel_ + channel >= a_.hidden) return;
    const std::int64_t tile = std::int64_t{first_image_ + image} * tiling_.tiles_of_image() + tile_;
    a_.sums[tile * a_.hidden + first_channel_ + channel] = sum;
  }

  template <class Value>
  __device__ __forceinline__ Value& word(int offset) const {
    return *reinterpret_cast<Value*>(shared_ + offset);
  }

  const HiddenArguments<T>& a_;
  const MBConvTiling& tiling_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int warp_, lane_;
  const int first_channel_;
  int tile_, first_image_, first_row_, first_column_;
};

template <class T, Activation kActivation>
__global__ void __launch_bounds__(kThreads, 2)
    mbconv_hidden_kernel(const __grid_constant__ HiddenArguments<T> arguments) {
  extern __shared__ __align__(16) unsigned char shared[];
  HiddenWorker<T, kActivation>(arguments, shared).run();
}

}  // namespace cf::kernels::mbconv_portable

// Backward weight in float32; 16-bit types are in grouped_conv_weight_mma_cuda.cu. A block takes one group
// and a share of the images' tiles. Its threads are 9 taps x 32 lanes: each holds the 8 x 8 sums of its tap
// over every 32nd pixel, the lanes are added in a tree at the end, and the blocks' sums are added in order by
// a second kernel.
#include <algorithm>
#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/kept_input.h"
#include "kernels/grouped_conv/normed_input.h"

namespace cf::kernels {

namespace {

struct Tile {
  static constexpr int kTaps = 9, kLanes = 32, kBlock = kTaps * kLanes;
  static constexpr int kRows = 8, kColumns = 16, kPixels = kRows * kColumns;
  static constexpr int kHaloColumns = kColumns + 2, kHaloPixels = (kRows + 2) * kHaloColumns;
  static constexpr int kSums = kGroupWidth * kGroupWidth, kFilter = kTaps * kSums;
  static constexpr std::int64_t kBlocks = 132 * 4;  // about so many; the same on every GPU, for the same sums
  static constexpr int kTreeFloats = kLanes / 2 * kFilter,
                       kTileFloats = (kHaloPixels + kPixels) * kGroupWidth;
  static constexpr int kSharedFloats = std::max(kTreeFloats, kTileFloats);
  static_assert(kPixels % kLanes == 0, "every lane has the same number of pixels");
  static_assert(kSharedFloats * sizeof(float) <= 48 * 1024, "static shared memory");
};

struct Images {
  std::int64_t channels, tiles, height, width, tile_rows, tile_columns;  // tile_rows: tiles below one another
};

// Loads the group's channels of a window of the image into shared memory; zeros outside of the image.
__device__ void load_window(const float* image, const Images& images, std::int64_t first_row,
                            std::int64_t first_column, int columns, int pixels, float* window) {
  for (int i = static_cast<int>(threadIdx.x); i < pixels; i += Tile::kBlock) {
    const std::int64_t row = first_row + i / columns, column = first_column + i % columns;
    const bool inside = row >= 0 && row < images.height && column >= 0 && column < images.width;
    const auto offset = (row * images.width + column) * images.channels;
#pragma unroll
    for (int c = 0; c < kGroupWidth; c += 4) {
      Pack<float, 4> pack{};
      if (inside) pack = load_pack<float, 4>(image + offset + c);
      store_pack(window + i * kGroupWidth + c, pack);
    }
  }
}

// sum[k][c] += dy[pixel, k] x[pixel + tap, c] over the lane's pixels of the tile.
__device__ void add_tile(const float* x, const float* dy, int tap, int lane, float (&sum)[Tile::kSums]) {
  const int r = tap / 3, s = tap % 3;
  for (int pixel = lane; pixel < Tile::kPixels; pixel += Tile::kLanes) {
    const int row = pixel / Tile::kColumns + r, column = pixel % Tile::kColumns + s;
    float in[kGroupWidth], out[kGroupWidth];
    load_floats(x + (row * Tile::kHaloColumns + column) * kGroupWidth, in);
    load_floats(dy + pixel * kGroupWidth, out);
#pragma unroll
    for (int k = 0; k < kGroupWidth; ++k) {
#pragma unroll
      for (int c = 0; c < kGroupWidth; ++c) sum[k * kGroupWidth + c] += out[k] * in[c];
    }
  }
}

// Lane 0 gets the sums over all lanes; `shared` holds kTreeFloats, each sum of all threads side by side.
__device__ void add_lanes(int tap, int lane, float* shared, float (&sum)[Tile::kSums]) {
  for (int half = Tile::kLanes / 2; half > 0; half /= 2) {
    const int stride = half * Tile::kTaps;
    float* const slot = shared + (lane % half) * Tile::kTaps + tap;
    __syncthreads();
    if (lane >= half && lane < 2 * half) {
#pragma unroll
      for (int i = 0; i < Tile::kSums; ++i) slot[i * stride] = sum[i];
    }
    __syncthreads();
    if (lane < half) {
#pragma unroll
      for (int i = 0; i < Tile::kSums; ++i) sum[i] += slot[i * stride];
    }
  }
}

// Grid: (groups, chunks). partial: [chunks, K, 3, 3, 8].
__global__ void __launch_bounds__(Tile::kBlock)
    sum_tiles_kernel(Images images, const float* x, const float* dy, float* partial) {
  __shared__ __align__(16) float shared[Tile::kSharedFloats];
  float* const x_tile = shared;
  float* const dy_tile = shared + Tile::kHaloPixels * kGroupWidth;
  const int tap = static_cast<int>(threadIdx.x) % Tile::kTaps,
            lane = static_cast<int>(threadIdx.x) / Tile::kTaps;
  float sum[Tile::kSums] = {};
  for (std::int64_t tile = blockIdx.y; tile < images.tiles; tile += gridDim.y) {
    const std::int64_t column = tile % images.tile_columns * Tile::kColumns,
                       rest = tile / images.tile_columns;
    const std::int64_t row = rest % images.tile_rows * Tile::kRows, n = rest / images.tile_rows;
    const auto start =
        n * images.height * images.width * images.channels + std::int64_t{blockIdx.x} * kGroupWidth;
    __syncthreads();
    load_window(x + start, images, row - 1, column - 1, Tile::kHaloColumns, Tile::kHaloPixels, x_tile);
    load_window(dy + start, images, row, column, Tile::kColumns, Tile::kPixels, dy_tile);
    __syncthreads();
    add_tile(x_tile, dy_tile, tap, lane, sum);
  }
  add_lanes(tap, lane, shared, sum);
  if (lane != 0) return;
  float* const to =
      partial + (blockIdx.y * std::int64_t{gridDim.x} + blockIdx.x) * Tile::kFilter + tap * kGroupWidth;
#pragma unroll
  for (int k = 0; k < kGroupWidth; ++k) {
#pragma unroll
    for (int c = 0; c < kGroupWidth; ++c) to[k * Tile::kTaps * kGroupWidth + c] = sum[k * kGroupWidth + c];
  }
}

__global__ void add_chunks_kernel(const float* partial, std::int64_t chunks, std::int64_t elements,
                                  float accumulate, float* dweight) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= elements) return;
  float sum = 0;
#pragma unroll 8
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sum += partial[chunk * elements + i];
  dweight[i] = accumulate == 0 ? sum : accumulate * dweight[i] + sum;
}

Images images_of(const GroupedConvBackwardWeight<float>& a) {
  const auto n = a.x.extent<N>().value, h = a.x.extent<H>().value, w = a.x.extent<W>().value;
  const auto rows = (h + Tile::kRows - 1) / Tile::kRows, columns = (w + Tile::kColumns - 1) / Tile::kColumns;
  return {a.x.extent<C>().value, n * rows * columns, h, w, rows, columns};
}

std::int64_t chunks_of(const Images& images) {
  const std::int64_t groups = std::max<std::int64_t>(1, images.channels / kGroupWidth);
  return std::clamp<std::int64_t>(Tile::kBlocks / groups, 1, std::max<std::int64_t>(1, images.tiles));
}

void sum_over_pixels(Cuda place, const GroupedConvBackwardWeight<float>& a) {
  constexpr auto kName = "grouped_conv backward weight";
  constexpr int kBlock = 128;
  CF_CHECK(aligned_to(16, a.x.data(), a.dy.data()), kName, ": images must be aligned to 16 bytes");
  const Images images = images_of(a);
  const std::int64_t chunks = chunks_of(images), elements = a.dweight.size();
  float* partial = workspace_as<float>(kName, a.workspace, static_cast<std::size_t>(chunks * elements));
  launch(kName, sum_tiles_kernel,
         {.grid = {static_cast<unsigned>(images.channels / kGroupWidth), static_cast<unsigned>(chunks)},
          .block = Tile::kBlock},
         place, images, a.x.data(), a.dy.data(), partial);
  launch("grouped_conv backward weight, sum of chunks", add_chunks_kernel,
         {.grid = static_cast<unsigned>((elements + kBlock - 1) / kBlock), .block = kBlock}, place, partial,
         chunks, elements, a.accumulate, a.dweight.data());
}

}  // namespace

template <class T>
void grouped_conv(Cuda place, const GroupedConvBackwardWeight<T>& a) {
  check(a);
  if constexpr (std::is_same_v<T, float>) {
    constexpr auto kName = "grouped_conv backward weight";
    sum_over_pixels(place, detail::with_normed_input(place, kName, detail::with_kept_input(place, kName, a)));
  } else {
    convolve_by_mma(place, a);
  }
}

template <class T>
std::size_t workspace_bytes([[maybe_unused]] Cuda place, const GroupedConvBackwardWeight<T>& a) {
  if constexpr (std::is_same_v<T, float>) {
    if (a.kept) return detail::kept_input_bytes(a) + workspace_bytes(place, detail::of_kept(a, a.x.data()));
    return detail::normed_input_bytes(a) +
           static_cast<std::size_t>(chunks_of(images_of(a)) * a.dweight.size()) * sizeof(float);
  } else {
    return workspace_bytes_by_mma(a);
  }
}

#define CF_INSTANTIATE(T)                                                \
  template void grouped_conv(Cuda, const GroupedConvBackwardWeight<T>&); \
  template std::size_t workspace_bytes(Cuda, const GroupedConvBackwardWeight<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

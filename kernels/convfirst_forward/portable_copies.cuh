// What the portable route of convfirst copies into shared memory, and how it lies there.
#pragma once

#include "kernels/base/async_copy.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/convfirst_forward/portable_tiling.h"

namespace cf::kernels::convfirst_portable {

inline constexpr int kTaps = 9, kGroup = 8, kLanes = 32;

template <class T>
struct Arguments {
  const T *x, *conv, *expand, *project;
  const float *conv_bias, *expand_bias, *project_bias;
  T* y;
  int channels, hidden;
  std::uint32_t pixels, height, width;
  ConvFirstTiling tiling;
};

// A thread ends up with columns 2t, 2t+1 of every 8 columns of a product. The columns of project are permuted
// so that these are 8 neighbouring channels for every 32 columns (4 for the last 16): whole packs to store.
//
// Column of `project` at which channel c stands.
template <int kChannels>
__device__ inline int column_of_channel(int c) {
  constexpr int kWhole = kChannels / 32 * 32;
  const int share = c < kWhole ? 8 : 4;  // channels of a thread in its block of columns
  const int block = c < kWhole ? c / 32 * 32 : kWhole, t = (c - block) / share, i = (c - block) % share;
  return block + i / 2 * 8 + t * 2 + i % 2;
}

// Position of hidden channel e in shared memory's expand_bias: in each 16, the four of a thread together.
__device__ inline int position_of_hidden(int e) {
  const int i = e % 16;
  return e - i + i % 8 / 2 * 4 + i / 8 * 2 + i % 2;
}

template <class T, class Tile>
struct Copies {
  static constexpr int kChannels = Tile::get().channels, kChunk = Tile::get().chunk;
  static constexpr bool kFilterInSharedMemory = Tile::get().filter_in_shared_memory,
                        kConvolves = Tile::get().convolves;
  static constexpr int kPixelBytes = Tile::get().pixel_bytes(), kExpandBytes = Tile::get().expand_bytes(),
                       kProjectRowBytes = Tile::get().project_row_bytes(),
                       kChunkBytes = Tile::get().chunk_bytes();
  static constexpr int kPieces = kChannels / kGroup;  // of 16 bytes in a pixel

  const Arguments<T>& a;
  ConvFirstLayout layout;
  unsigned char* shared;
  std::uint32_t base;  // its address

  // --- by all threads of a block

  // The zero pixel, the biases, the filter.
  __device__ __forceinline__ void load_constants() const {
    for (int i = threadIdx.x; i < kPixelBytes / 4; i += blockDim.x) word(i * 4) = 0;
    if constexpr (kConvolves) {
      for (int c = threadIdx.x; c < kChannels; c += blockDim.x) {
        word(layout.conv_bias + c * 4) = c < a.channels ? a.conv_bias[c] : 0;
        word(layout.project_bias + c * 4) = c < a.channels ? a.project_bias[c] : 0;
      }
    }
    for (int e = threadIdx.x; e < a.tiling.chunks * kChunk; e += blockDim.x) {
      word(layout.expand_bias + position_of_hidden(e) * 4) = e < a.hidden ? a.expand_bias[e] : 0;
    }
    if constexpr (kFilterInSharedMemory) {
      for (int i = threadIdx.x; i < kChannels * kTaps; i += blockDim.x) {
        const bool valid = i < a.channels * kTaps;
        copy_async_16(base + layout.filter + i * 16, a.conv + (valid ? i * kGroup : 0), valid);
      }
    }
  }

  // The channels of the tiles that no copy writes: zero weights do not make zeros of what is left there.
  __device__ __forceinline__ void clear_padding() const {
    const int padding = kPieces - a.channels / kGroup;
    if (padding == 0) return;
    const int pixels = a.tiling.teams * a.tiling.tile_bytes / kPixelBytes;
    for (int i = threadIdx.x; i < pixels * padding; i += blockDim.x) {
      const int pixel = i / padding, piece = kPieces - 1 - i % padding;
      *reinterpret_cast<uint4*>(shared + layout.tiles + pixel * kPixelBytes + piece * 16) = uint4{};
    }
  }

  // Rows of expand, then rows of project by column; zeros beyond the real channels.
  __device__ __forceinline__ void load_chunk(int chunk, int slot) const {
    const std::uint32_t to = base + layout.slots + slot * kChunkBytes;
    const int first = chunk * kChunk, threads = static_cast<int>(blockDim.x), thread = threadIdx.x;
    {
      const int step = threads / kPieces, piece = thread % kPieces;
      const int rows = piece * kGroup < a.channels ? a.hidden - first : 0;
      const T* from = a.expand + static_cast<std::int64_t>(first) * a.channels + piece * kGroup;
      if (thread < step * kPieces) {
#pragma unroll 1
        for (int row = thread / kPieces; row < kChunk; row += step) {
          const bool valid = row < rows;
          copy_async_16(to + row * kPixelBytes + piece * 16, valid ? from + row * a.channels : a.expand,
                        valid);
        }
      }
    }
    constexpr int kRowPieces = kChunk / kGroup;
    const int step = threads / kRowPieces, piece = thread % kRowPieces;
    const int rows = first + piece * kGroup < a.hidden ? a.channels : 0;
    const T* from = a.project + first + piece * kGroup;
    if (thread >= step * kRowPieces) return;
#pragma unroll 1
    for (int c = thread / kRowPieces; c < kChannels; c += step) {
      const bool valid = c < rows;
      const int column = column_of_channel<kChannels>(c);
      copy_async_16(
          to + kExpandBytes + column * kProjectRowBytes + (piece ^ Tile::get().project_swizzle(column)) * 16,
          valid ? from + c * a.hidden : a.project, valid);
    }
  }

  // --- by the threads of a team

  // The runs of a tile; pixels outside of x are never read.
  __device__ __forceinline__ void load_tile(std::uint32_t index, int tile_start, int thread) const {
    const std::int64_t first = static_cast<std::int64_t>(index) * a.tiling.tile_pixels;
    if constexpr (kConvolves) {
      const int row_stride = a.tiling.row_stride, length = a.tiling.tile_pixels + 2;
      const std::int64_t width = a.width, start = first - width - 1;
      if (row_stride == width) return load_run(start, tile_start, 2 * row_stride + length, thread);
      for (int run = 0; run < 3; ++run) {
        load_run(start + run * width, tile_start + run * row_stride * kPixelBytes, length, thread);
      }
    } else {
      load_run(first, tile_start, a.tiling.tile_pixels, thread);
    }
  }

  // `count` neighbouring pixels from `first` on, as far as they exist.
  __device__ __forceinline__ void load_run(std::int64_t first, int to, int count, int thread) const {
    const int step = a.tiling.team_warps * kLanes / kPieces, piece = thread % kPieces;
    if (thread >= step * kPieces || piece * kGroup >= a.channels) return;
    const int begin = first < 0 ? static_cast<int>(-first) : 0;
    const int end = static_cast<int>(min(static_cast<std::int64_t>(count), a.pixels - first));
    int i = thread / kPieces;
    if (i < begin) i += (begin - i + step - 1) / step * step;
    const T* from = a.x + (first + i) * a.channels + piece * kGroup;
    std::uint32_t address = base + to + i * kPixelBytes + piece * 16;
    const int stride = step * a.channels;
#pragma unroll 2
    for (; i < end; i += step) {
      copy_async_16(address, from, true);
      from += stride;
      address += step * kPixelBytes;
    }
  }

  __device__ float& word(int offset) const { return *reinterpret_cast<float*>(shared + offset); }
};

}  // namespace cf::kernels::convfirst_portable

// How grouped_conv in 16-bit types cuts NHWC images: a block takes a tile, a window of output pixels, of a
// slab, up to 8 neighbouring groups of 8 channels. It keeps the tile in shared memory as slots: row by row,
// the pixels with the border of one pixel that the taps reach, each with its groups' 16 bytes. Small samples
// lie below one another in a tile and share the row of zeros between them.
//
//   slot (row, column) holds pixel (row - 1, column - 1) of the tile, so that tap (r, s) of output (row,
//   column) reads slot (row + r, column + s)
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/async_copy.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

// Quotients by a divisor of the host's choice, exact as long as value * divisor < 65536.
class SmallDivisor {
 public:
  SmallDivisor() = default;
  explicit SmallDivisor(int divisor)
      : divisor_(divisor), reciprocal_((1U << 16) / static_cast<std::uint32_t>(divisor) + 1) {}

  CF_HOST_DEVICE int value() const { return divisor_; }
  CF_HOST_DEVICE int quotient(int value) const {
    return static_cast<int>(static_cast<std::uint32_t>(value) * reciprocal_ >> 16);
  }

 private:
  int divisor_ = 1;
  std::uint32_t reciprocal_ = 65537;
};

// A pixel of the images; outside of them where a row, column or sample is beyond.
struct Pixel {
  int sample, row, column;
};

class PixelTiles {
 public:
  static constexpr int kThreads = 256;
  static constexpr int kGroups = 8;  // of a slab: a warp for each, and 128 bytes of a pixel in a row
  static constexpr int kSide = 16;   // of a tile at most
  static constexpr int kRun = 8;     // pixels of a row that a matrix holds
  static constexpr int kMostSlots = (kSide + 2) * (kSide + 2);
  static_assert(kThreads / 32 == kGroups && kSide == 2 * kRun);

  PixelTiles(std::int64_t samples, std::int64_t height, std::int64_t width, std::int64_t channels);

  CF_HOST_DEVICE int slabs() const { return (groups_ + kGroups - 1) / kGroups; }
  CF_HOST_DEVICE int slab_groups(int slab) const {
    return groups_ - slab * kGroups < kGroups ? groups_ - slab * kGroups : kGroups;
  }
  CF_HOST_DEVICE std::int64_t count() const { return count_; }
  // 16-byte packs from slot to slot: odd, so that 8 slots in a row lie in different banks.
  CF_HOST_DEVICE int pitch() const { return slab_groups(0) | 1; }
  CF_HOST_DEVICE int columns() const { return columns_; }
  CF_HOST_DEVICE int slot_columns() const { return slot_columns_.value(); }
  // Rows of outputs, the shared rows between samples included: an even number. Columns in whole runs.
  CF_HOST_DEVICE int even_rows() const {
    return ((samples_per_tile_ - 1) * period_.value() + rows_ + 1) / 2 * 2;
  }
  CF_HOST_DEVICE int run_columns() const { return (columns_ + kRun - 1) / kRun * kRun; }
  // All that the taps of all runs reach: runs may reach beyond a row, into the next or behind the last.
  CF_HOST_DEVICE int slots() const { return (even_rows() + 1) * slot_columns() + run_columns() + 2; }

  __device__ Pixel origin(std::int64_t tile) const {
    const auto index = static_cast<std::uint32_t>(tile);
    const auto columns = static_cast<std::uint32_t>(column_tiles_),
               rows = static_cast<std::uint32_t>(row_tiles_);
    return {static_cast<int>(index / columns / rows) * samples_per_tile_,
            static_cast<int>(index / columns % rows) * rows_, static_cast<int>(index % columns) * columns_};
  }

  // The pixel whose value slot (row, column) of the tile holds.
  __device__ Pixel input_pixel(const Pixel& origin, int row, int column) const {
    const int sample = period_.quotient(row);
    return {origin.sample + sample, origin.row + row - sample * period_.value() - 1,
            origin.column + column - 1};
  }

  // The pixel that output (row, column) of the tile is; false: none of this tile's.
  __device__ bool output_pixel(const Pixel& origin, int row, int column, Pixel& pixel) const {
    const int sample = period_.quotient(row), row_of_sample = row - sample * period_.value();
    pixel = {origin.sample + sample, origin.row + row_of_sample, origin.column + column};
    return row_of_sample < rows_ && column < columns_ && contains(pixel);
  }

  __device__ bool contains(const Pixel& pixel) const {
    return pixel.sample < samples_ && static_cast<unsigned>(pixel.row) < static_cast<unsigned>(height_) &&
           static_cast<unsigned>(pixel.column) < static_cast<unsigned>(width_);
  }

  // Of the first channel of a pixel within the images, in elements.
  __device__ std::int64_t offset(const Pixel& pixel) const {
    return ((std::int64_t{pixel.sample} * height_ + pixel.row) * width_ + pixel.column) * groups_ *
           kGroupWidth;
  }

  // Rows of slots where a row has slot_columns() or run_columns() of them.
  __device__ int slot_row(int slot) const { return slot_columns_.quotient(slot); }
  __device__ int run_row(int slot) const { return run_columns() == kRun ? slot / kRun : slot / kSide; }

 private:
  int samples_, height_, width_, groups_;
  int rows_, columns_;            // outputs of one sample in a tile, at most
  int row_tiles_, column_tiles_;  // of one sample
  int samples_per_tile_;
  SmallDivisor slot_columns_, period_;  // period: slot rows from sample to sample
  std::int64_t count_;
};

inline PixelTiles::PixelTiles(std::int64_t samples, std::int64_t height, std::int64_t width,
                              std::int64_t channels) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  CF_CHECK(samples * height * width < kMost && channels < kMost, "grouped_conv: N=", samples, " H=", height,
           " W=", width, " C=", channels, " is too large for the GPU");
  const auto tiles_along = [](std::int64_t extent) {
    return std::max<std::int64_t>(1, (extent + kSide - 1) / kSide);
  };
  const auto part = [](std::int64_t extent, std::int64_t parts) {
    return static_cast<int>((extent + parts - 1) / parts);
  };
  samples_ = static_cast<int>(samples);
  height_ = static_cast<int>(height);
  width_ = static_cast<int>(width);
  groups_ = static_cast<int>(channels / kGroupWidth);
  row_tiles_ = static_cast<int>(tiles_along(height));
  column_tiles_ = static_cast<int>(tiles_along(width));
  rows_ = part(height, row_tiles_);
  columns_ = part(width, column_tiles_);
  slot_columns_ = SmallDivisor(columns_ + 2);
  const bool whole = row_tiles_ == 1 && column_tiles_ == 1;
  const int slots_of_sample = (rows_ + 1) * (columns_ + 2);
  samples_per_tile_ =
      whole ? std::clamp((kMostSlots - columns_ - 2) / slots_of_sample, 1, std::max(1, samples_)) : 1;
  period_ = SmallDivisor(samples_per_tile_ > 1 ? rows_ + 1 : rows_ + 2);
  count_ = samples * height * width == 0
               ? 0
               : (samples + samples_per_tile_ - 1) / samples_per_tile_ * row_tiles_ * column_tiles_;
}

// The packs of a slab in `slots` slots of `columns` slots a row, shared among the threads of the block:
// body(slot, group of the slab).
template <class Body>
__device__ inline void for_each_pack_of_slots(int slots, int groups, const Body& body) {
  const int thread = static_cast<int>(threadIdx.x), stride = PixelTiles::kThreads / groups;
  const int group = thread % groups, first = thread / groups;
  if (first >= stride) return;
#pragma unroll 4
  for (int slot = first; slot < slots; slot += stride) body(slot, group);
}

// Starts copying the tile with its border; zeros outside of the images. `image` points at the slab's
// channels.
template <class T>
__device__ inline void copy_tile(const PixelTiles& tiles, const Pixel& origin, const T* image, int groups,
                                 uint4* slots) {
  const std::uint32_t to = shared_address(slots);
  for_each_pack_of_slots(tiles.slots(), groups, [&](int slot, int group) {
    const int row = tiles.slot_row(slot), column = slot - row * tiles.slot_columns();
    const Pixel pixel = tiles.input_pixel(origin, row, column);
    const bool inside = tiles.contains(pixel);
    const T* from = inside ? image + tiles.offset(pixel) + group * kGroupWidth : image;
    copy_async_16(to + static_cast<std::uint32_t>((slot * tiles.pitch() + group) * 16), from, inside);
  });
}

}  // namespace cf::kernels

// How grouped_conv in 16-bit types cuts NHWC images: a block takes a tile, a window of output pixels, of a
// slab, up to 8 neighbouring groups of 8 channels. It keeps the tile in shared memory as slots: row by row,
// the pixels with the border of one pixel that the taps reach, each with its groups' 16 bytes. Small samples
// lie below one another in a tile and share the row of zeros between them.
//
//   slot (row, column) holds pixel (row - 1, column - 1) of the tile, so that tap (r, s) of output (row,
//   column) reads slot (row + r, column + s)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/base/async_copy.cuh"
#include "kernels/base/divisor.h"
#include "kernels/base/launch.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

// The first output pixel of a tile.
struct Pixel {
  int sample, row, column;
};

// Which of the packs of a tile a thread takes: a group of the slab in one column, every stride-th row.
struct PackWalk {
  int group, column, first_row, stride;
};

// A way down the rows of outputs of a tile, two at a time: which of them lie within the images.
struct RowsInside {
  int row, rows;               // of the tile; from `rows` on, none is inside
  int place, between, period;  // of the sample: the row that lies between two samples

  __device__ bool first() const { return row < rows && place != between; }
  __device__ bool second() const { return row + 1 < rows && place + 1 != between; }
  __device__ void go_two() {
    row += 2;
    place += 2;
    if (place >= period) place -= period;
  }
};

class PixelTiles {
 public:
  static constexpr int kThreads = 256;
  static constexpr int kGroups = 8;  // of a slab: a warp for each, and 128 bytes of a pixel in a row
  // Of a tile at most: 16 slots in a row, of which 256 threads take two rows.
  static constexpr int kSide = 14;
  static constexpr int kRun = 8;          // pixels of a row that a matrix holds
  static constexpr int kNoRow = 1 << 16;  // behind all rows of a tile
  static constexpr int kMostSlots = (kSide + 2) * (kSide + 2) + kSide * 4;  // about so many
  static_assert(kThreads / 32 == kGroups && kThreads / kGroups == 2 * (kSide + 2));

  PixelTiles(std::int64_t samples, std::int64_t height, std::int64_t width, std::int64_t channels);

  CF_HOST_DEVICE int slabs() const { return slab_division_.value(); }
  CF_HOST_DEVICE int slab_groups(int slab) const {
    return groups_ - slab * kGroups < kGroups ? groups_ - slab * kGroups : kGroups;
  }
  CF_HOST_DEVICE int count() const { return count_; }
  // 16-byte packs from slot to slot: odd, so that 8 slots in a row lie in different banks.
  CF_HOST_DEVICE int pitch() const { return slab_groups(0) | 1; }
  CF_HOST_DEVICE int columns() const { return columns_; }
  CF_HOST_DEVICE int slot_columns() const { return slot_division_.value(); }
  // Rows of outputs, the shared rows between samples included: an even number. Columns in whole runs.
  CF_HOST_DEVICE int even_rows() const { return ((samples_per_tile_ - 1) * period_ + rows_ + 1) / 2 * 2; }
  CF_HOST_DEVICE int run_columns() const { return run_division_.value(); }
  // All that the taps of all runs reach: runs may reach beyond a row, into the next or behind the last.
  CF_HOST_DEVICE int slots() const { return (even_rows() + 1) * slot_columns() + run_columns() + 2; }
  CF_HOST_DEVICE int slot_rows() const { return (slots() + slot_columns() - 1) / slot_columns(); }

  __device__ Pixel origin(int tile) const {
    const int row_tile = column_tiles_.quotient(tile), sample = row_tiles_.quotient(row_tile);
    return {sample * samples_per_tile_, (row_tile - sample * row_tiles_.value()) * rows_,
            (tile - row_tile * column_tiles_.value()) * columns_};
  }
  // The tile and slab of a block in a row of blocks, slabs first.
  __device__ int tile_of_block(int block, int& slab) const {
    const int tile = slab_division_.quotient(block);
    slab = block - tile * slab_division_.value();
    return tile;
  }

  CF_HOST_DEVICE bool has_several_samples() const { return samples_per_tile_ > 1; }
  // The sample that a row of a tile, with or without a border, belongs to.
  __device__ int sample_of_row(const Pixel& origin, int tile_row) const {
    return samples_per_tile_ == 1 ? origin.sample : origin.sample + tile_row / period_;
  }

  // The outputs of a tile within the images: its first columns, and rows from the first on.
  __device__ int columns_inside(const Pixel& origin) const { return min(columns_, width_ - origin.column); }
  __device__ RowsInside rows_inside(const Pixel& origin) const {
    const int rows =
        samples_per_tile_ == 1 ? min(rows_, height_ - origin.row) : (samples_ - origin.sample) * period_;
    return {.row = 0, .rows = rows, .place = 0, .between = rows_, .period = period_};
  }

  // How the threads of a block share rows of `columns` pixels of a slab.
  __device__ PackWalk walk(int groups, const Divisor& columns) const {
    const int thread = static_cast<int>(threadIdx.x);
    const int pixel = groups == kGroups ? thread / kGroups : thread / groups;
    const int threads = static_cast<int>(blockDim.x);
    const int pixels = groups == kGroups ? threads / kGroups : threads / groups;
    const int row = columns.quotient(pixel), rows = columns.quotient(pixels);
    const int stride = rows < period_ ? rows : period_;
    return {thread - pixel * groups, pixel - row * columns.value(), row < stride ? row : kNoRow, stride};
  }
  __device__ PackWalk slot_walk(int groups) const { return walk(groups, slot_division_); }
  __device__ PackWalk run_walk(int groups) const { return walk(groups, run_division_); }

  // body(row, pointer, inside) for the thread's rows below `rows`, where row 0 of a sample lies `border` rows
  // above its first output (1: slots, 0: outputs) and the columns are counted likewise. `image` points at the
  // slab's channels; the pointer may be followed only if inside.
  template <class T, class Body>
  __device__ void for_each_row(const Pixel& origin, T* image, int border, const PackWalk& walk, int rows,
                               const Body& body) const;

 private:
  int samples_, height_, width_, groups_;
  int rows_, columns_;                // outputs of one sample in a tile, at most
  Divisor row_tiles_, column_tiles_;  // of one sample
  int samples_per_tile_, period_;     // period: rows from sample to sample
  Divisor slot_division_, run_division_, slab_division_;
  int count_;
};

inline PixelTiles::PixelTiles(std::int64_t samples, std::int64_t height, std::int64_t width,
                              std::int64_t channels) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  CF_CHECK(samples * height * width < kMost && width * channels < kMost / (2 * kMostSlots),
           "grouped_conv: N=", samples, " H=", height, " W=", width, " C=", channels,
           " is too large for the GPU");
  const auto tiles_along = [](std::int64_t extent) {
    return static_cast<int>(std::max<std::int64_t>(1, (extent + kSide - 1) / kSide));
  };
  const auto part = [](std::int64_t extent, std::int64_t parts) {
    return static_cast<int>((extent + parts - 1) / parts);
  };
  samples_ = static_cast<int>(samples);
  height_ = static_cast<int>(height);
  width_ = static_cast<int>(width);
  groups_ = static_cast<int>(channels / kGroupWidth);
  row_tiles_ = Divisor(tiles_along(height));
  column_tiles_ = Divisor(tiles_along(width));
  rows_ = part(height, row_tiles_.value());
  columns_ = part(width, column_tiles_.value());
  slab_division_ = Divisor(std::max(1, (groups_ + kGroups - 1) / kGroups));
  slot_division_ = Divisor(columns_ + 2);
  run_division_ = Divisor(std::max(1, (columns_ + kRun - 1) / kRun) * kRun);
  const bool whole = row_tiles_.value() == 1 && column_tiles_.value() == 1;
  const int slots_of_sample = (rows_ + 1) * slot_columns();
  samples_per_tile_ =
      whole ? std::clamp((kMostSlots - slot_columns()) / slots_of_sample, 1, std::max(1, samples_)) : 1;
  period_ = samples_per_tile_ > 1 ? rows_ + 1 : rows_ + 2;
  count_ = samples * height * width == 0 ? 0
                                         : (samples_ + samples_per_tile_ - 1) / samples_per_tile_ *
                                               row_tiles_.value() * column_tiles_.value();
}

template <class T, class Body>
__device__ inline void PixelTiles::for_each_row(const Pixel& origin, T* image, int border,
                                                const PackWalk& walk, int rows, const Body& body) const {
  if (walk.first_row >= rows) return;
  const int channels = groups_ * kGroupWidth, row_size = width_ * channels;
  const int column = origin.column + walk.column - border;
  const bool in_columns = static_cast<unsigned>(column) < static_cast<unsigned>(width_) &&
                          (border != 0 || walk.column < columns_);
  // The rows within the images are an interval, less the row between two samples where a tile has several.
  int first = 0, last = 0, row_between = -1;
  if (in_columns && samples_per_tile_ == 1) {
    first = border > origin.row ? border - origin.row : 0;
    last = min(height_ - origin.row + border, border != 0 ? period_ : rows_);
  } else if (in_columns) {
    last = (samples_ - origin.sample) * period_;
    row_between = border != 0 ? 0 : rows_;
  }
  const auto count = static_cast<unsigned>(last - first);
  int row = walk.first_row;  // of the sample: no stride exceeds the period
  using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
  constexpr int kBytes = sizeof(T);
  Byte* const corner =
      reinterpret_cast<Byte*>(image + (std::int64_t{origin.sample} * height_ + origin.row) * row_size +
                              std::int64_t{origin.column} * channels + walk.group * kGroupWidth);
  int offset = ((row - border) * row_size + (walk.column - border) * channels) * kBytes;
#pragma unroll 2
  for (int tile_row = row; tile_row < rows; tile_row += walk.stride) {
    const bool inside = static_cast<unsigned>(tile_row - first) < count && row != row_between;
    body(tile_row, reinterpret_cast<T*>(corner + offset), inside);
    row += walk.stride;
    offset += walk.stride * row_size * kBytes;
    if (row >= period_) {
      row -= period_;
      offset -= row_size * kBytes;  // samples lie without a row between them
    }
  }
}

// Where the samples of the tiles lie in an image of all samples: for_each_row goes there from origin(), and
// distance() is what is left of a row inside, in elements.
struct AllSamples {
  __device__ Pixel origin(const PixelTiles&, const Pixel& tile) const { return tile; }
  __device__ std::int64_t distance(const PixelTiles&, const Pixel&, int) const { return 0; }
};
struct KeptSamples {
  const std::int64_t* kept;  // null: sample i is sample i
  std::int64_t sample_size;  // elements

  // Of a tile of one sample this says all, with one look at `kept`.
  __device__ Pixel origin(const PixelTiles& tiles, Pixel tile) const {
    if (kept != nullptr && !tiles.has_several_samples()) tile.sample = static_cast<int>(kept[tile.sample]);
    return tile;
  }
  __device__ std::int64_t distance(const PixelTiles& tiles, const Pixel& origin, int row) const {
    if (kept == nullptr || !tiles.has_several_samples()) return 0;
    const int sample = tiles.sample_of_row(origin, row);
    return (kept[sample] - sample) * sample_size;
  }
};

// `whole`: the image whose samples are kept.
template <class Image>
KeptSamples kept_samples(const View<const std::int64_t, N>& kept, const Image& whole) {
  const auto& e = whole.extents();
  return {kept ? kept.data() : nullptr, e[1] * e[2] * e[3]};
}

// Starts copying `rows` rows of the tile's slots; zeros outside of the images. `image` points at the slab's
// channels.
template <class T, class Samples = AllSamples>
__device__ inline void copy_tile(const PixelTiles& tiles, const Pixel& tile, const T* image,
                                 const PackWalk& walk, int rows, uint4* slots, const Samples& samples = {}) {
  const Pixel origin = samples.origin(tiles, tile);
  const std::uint32_t to = shared_address(slots + walk.column * tiles.pitch() + walk.group);
  const auto row_bytes = static_cast<std::uint32_t>(tiles.slot_columns() * tiles.pitch() * 16);
  tiles.for_each_row(origin, image, 1, walk, rows, [&](int row, const T* from, bool inside) {
    if (inside) from += samples.distance(tiles, origin, row);
    copy_async_16(to + static_cast<std::uint32_t>(row) * row_bytes, from, inside);
  });
}

}  // namespace cf::kernels

// How a warp sums the products of a tile's slots with its pixels, by tap, for one group: a run of 8 slots in
// two rows at a time, products of depth 16 whose rows are the 8 channels of the pixels and whose columns
// those of the slots. Their upper half is of the row of pixels at the slots', which is tap row 0, their lower
// half of the row above, tap row 1; another product has tap row 2.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/grouped_conv/pixel_tiles.cuh"

namespace cf::kernels {

inline constexpr int kSumBlocksPerSm = 2;

// Into how many chunks the tiles of a slab go, a block each: as many as fit a GPU of 132 multiprocessors, the
// same on every GPU, for the same sums; each with the same number of tiles as far as possible.
inline std::int64_t chunks_of(const PixelTiles& tiles) {
  constexpr std::int64_t kBlocks = 132 * kSumBlocksPerSm;
  const std::int64_t most = std::max<std::int64_t>(1, kBlocks / std::max(1, tiles.slabs()));
  const std::int64_t tiles_of_block = std::max<std::int64_t>(1, (tiles.count() + most - 1) / most);
  return std::max<std::int64_t>(1, (tiles.count() + tiles_of_block - 1) / tiles_of_block);
}

// The memory of the slots in packs, and of the pixels, whole runs.
CF_HOST_DEVICE inline int packs_of_slots(const PixelTiles& tiles) {
  return tiles.slot_rows() * tiles.slot_columns() * tiles.pitch();
}
CF_HOST_DEVICE inline int packs_of_runs(const PixelTiles& tiles) {
  return tiles.even_rows() * tiles.run_columns() * tiles.pitch();
}

// Starts copying the tile's pixels without a border, runs of 8 row by row; zeros where no pixel of this tile
// lies, so that what the taps read there counts nothing.
template <class T, class Samples = AllSamples>
__device__ void copy_runs(const PixelTiles& tiles, const Pixel& tile, const T* image, const PackWalk& walk,
                          uint4* slots, const Samples& samples = {}) {
  const Pixel origin = samples.origin(tiles, tile);
  const std::uint32_t to = shared_address(slots + walk.column * tiles.pitch() + walk.group);
  const auto row_bytes = static_cast<std::uint32_t>(tiles.run_columns() * tiles.pitch() * 16);
  tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, const T* from, bool inside) {
    if (inside) from += samples.distance(tiles, origin, row);
    copy_async_16(to + static_cast<std::uint32_t>(row) * row_bytes, from, inside);
  });
}

// For the taps (., s) of each s: tap rows 0 and 1, and tap row 2 with an empty lower half.
struct TileSums {
  float first_two[3][4], last[3][4];
};

// Two rows of slots, in order tap column 0: upper and lower row, tap column 1, tap column 2; and of pixels.
struct RowPair {
  std::uint32_t slots[6], pixels[2];
};

// `before`: the two rows of pixels above.
template <class T>
__device__ void add_two_rows(const RowPair& rows, const std::uint32_t (&before)[2], TileSums& sums) {
  const MatrixA first_two{rows.pixels[0], before[1], rows.pixels[1], rows.pixels[0]},
      last{before[0], 0, before[1], 0};
#pragma unroll
  for (int s = 0; s < 3; ++s) {
    multiply_add<T>(sums.first_two[s], first_two, rows.slots[2 * s], rows.slots[2 * s + 1]);
    multiply_add<T>(sums.last[s], last, rows.slots[2 * s], rows.slots[2 * s + 1]);
  }
}

// What becomes of the pixels of a run from `column` on, two rows at a time from the first, on their way to
// the products.
struct PixelsAsTheyAre {
  __device__ auto of_run(int) const {
    return [](std::uint32_t(&)[2]) {};
  }
};

// Adds the products of the slots and the pixels to `sums`.
template <class T, class Pixels = PixelsAsTheyAre>
__device__ void add_tile(const PixelTiles& tiles, const uint4* slots, const uint4* pixels, int group,
                         int lane, TileSums& sums, const Pixels& prepared = {}) {
  const int pitch = tiles.pitch(), columns = tiles.slot_columns(), runs = tiles.run_columns();
  const auto pack_row = static_cast<std::uint32_t>(pitch * 16);
  const int matrix = lane / 8, row = matrix % 2, pixel = lane % 8;
  const bool reads_pixels = matrix >= 2;
  const auto slot_address = [&](int s) {
    return shared_address(slots + (row * columns + s + pixel) * pitch + group);
  };
  const std::uint32_t slot_step = 2 * columns * pack_row, pixel_step = 2 * runs * pack_row;
  const std::uint32_t first_four = slot_address(matrix / 2);
  const std::uint32_t others =
      reads_pixels ? shared_address(pixels + (row * runs + pixel) * pitch + group) : slot_address(2);
  const std::uint32_t others_step = reads_pixels ? pixel_step : slot_step;
#pragma unroll
  for (auto& last : sums.last) last[2] = last[3] = 0;  // as they are, but held by no register meanwhile
#pragma unroll 1
  for (int column = 0; column < tiles.columns(); column += PixelTiles::kRun) {
    std::uint32_t at = first_four + column * pack_row, also_at = others + column * pack_row;
    auto prepare = prepared.of_run(column);
    RowPair rows;
    std::uint32_t before[2] = {0, 0};
#pragma unroll 2
    for (int slot_row = 0; slot_row < tiles.even_rows(); slot_row += 2) {
      load_matrices<Rows::AsColumns>(at, rows.slots[0], rows.slots[1], rows.slots[2], rows.slots[3]);
      load_matrices<Rows::AsColumns>(also_at, rows.slots[4], rows.slots[5], rows.pixels[0], rows.pixels[1]);
      at += slot_step;
      also_at += others_step;
      prepare(rows.pixels);
      add_two_rows<T>(rows, before, sums);
      before[0] = rows.pixels[0];
      before[1] = rows.pixels[1];
    }
    load_matrices<Rows::AsColumns>(at, rows.slots[0], rows.slots[1], rows.slots[2], rows.slots[3]);
    load_matrices<Rows::AsColumns>(also_at, rows.slots[4], rows.slots[5]);
    rows.pixels[0] = rows.pixels[1] = 0;
    add_two_rows<T>(rows, before, sums);
  }
}

// The sums of a lane over all tiles: of channel lane / 4 of the pixels and two of the slots, by tap.
using LaneSums = float[9][2];

__device__ inline void add_sums(const TileSums& tile, LaneSums& total) {
#pragma unroll
  for (int s = 0; s < 3; ++s) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      total[s][i] += tile.first_two[s][i];
      total[3 + s][i] += tile.first_two[s][2 + i];
      total[6 + s][i] += tile.last[s][i];
    }
  }
}

}  // namespace cf::kernels

// How a convolved tile, whose outputs lie in the slots of their rows and columns, goes to memory: each thread
// takes its packs of a walk over rows of `columns` packs, those of slots or of whole runs.
#pragma once

#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/pixel_tiles.cuh"

namespace cf::kernels {

// As they are.
struct Overwrite {
  static constexpr bool kReads = false;

  static int packs(const PixelTiles&, int) { return 0; }
  __device__ void start(const PixelTiles&, const Pixel&, int, const PackWalk&, int, uint4*) const {}
  __device__ void wait_for_tile() const { wait_for_copies(); }

  template <class T>
  __device__ void store(const PixelTiles& tiles, const Pixel& origin, const uint4* slots, const uint4*,
                        const PackWalk& walk, int, T* image) const {
    const uint4* const from = slots + walk.column * tiles.pitch() + walk.group;
    const int row_packs = tiles.slot_columns() * tiles.pitch();
    tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, T* to, bool inside) {
      if (inside) *reinterpret_cast<uint4*>(to) = from[row * row_packs];
    });
  }
};

// Added to the samples of `added`, which come to shared memory while the tile is convolved: it may be the
// image, as each thread adds what it has copied itself.
template <class T>
struct AddToKept {
  static constexpr bool kReads = true;

  KeptSamples samples;
  const T* added;

  // Of `sums`.
  static int packs(const PixelTiles& tiles, int columns) {
    return tiles.even_rows() * columns * tiles.pitch();
  }
  __device__ void start(const PixelTiles& tiles, const Pixel& tile, int first_channel, const PackWalk& walk,
                        int columns, uint4* sums) const {
    commit_copies();  // of the tile
    const Pixel origin = samples.origin(tiles, tile);
    const std::uint32_t to = shared_address(sums + walk.column * tiles.pitch() + walk.group);
    const auto row_bytes = static_cast<std::uint32_t>(columns * tiles.pitch() * 16);
    const T* const first = added + first_channel;
    tiles.for_each_row(origin, first, 0, walk, tiles.even_rows(), [&](int row, const T* from, bool inside) {
      if (inside) {
        copy_async_16(to + static_cast<std::uint32_t>(row) * row_bytes,
                      from + samples.distance(tiles, origin, row), true);
      }
    });
    commit_copies();
  }
  __device__ void wait_for_tile() const { wait_for_copies<1>(); }

  __device__ void store(const PixelTiles& tiles, const Pixel& tile, const uint4* slots, const uint4* sums,
                        const PackWalk& walk, int columns, T* image) const {
    const Pixel origin = samples.origin(tiles, tile);
    const int first = walk.column * tiles.pitch() + walk.group;
    const int slot_row = tiles.slot_columns() * tiles.pitch(), sum_row = columns * tiles.pitch();
    const auto floats_of = [](const uint4* packs, float(&value)[kGroupWidth]) {
      load_floats(reinterpret_cast<const T*>(packs), value);
    };
    wait_for_copies();
    tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, T* to, bool inside) {
      if (!inside) return;
      float sum[kGroupWidth], output[kGroupWidth];
      floats_of(sums + first + row * sum_row, sum);
      floats_of(slots + first + row * slot_row, output);
#pragma unroll
      for (int i = 0; i < kGroupWidth; ++i) sum[i] += output[i];
      store_floats(to + samples.distance(tiles, origin, row), sum);
    });
  }
};

}  // namespace cf::kernels

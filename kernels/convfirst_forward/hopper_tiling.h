// How convfirst's Hopper route at place Cuda cuts its work, decided on the host. Tiles are those of the
// portable route, runs of neighbouring pixels (portable_tiling.h), with these differences: a team is a
// warpgroup, its three runs are always one that the copy engine brings in one piece, and everything the
// engine or wgmma touches is swizzled instead of padded.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

struct HopperTile {
  int channels;   // exactly
  int fragments;  // of 64 pixels a team works on
  int teams;      // of a block at most: 3 leave a thread 168 registers, 4 leave it 128
  bool ring;      // the weights pass through a ring of slots of one chunk; else all are at hand
  bool patches;   // tiles are patches of 8x8 pixels with a border, for images of whole patches; else runs
  bool convolves = true;  // false: the block begins behind the convolution, see feed_forward_hopper_tile

  static constexpr int kChunk = 64;         // hidden channels
  static constexpr int kPatch = 8;          // pixels on a side
  static constexpr int kPatchPixels = 100;  // with the border

  constexpr int row_bytes() const { return channels == 32 ? 64 : 128; }  // of a block of columns
  constexpr int column_blocks() const { return channels == 128 ? 2 : 1; }
  constexpr int expand_bytes() const { return kChunk * channels * 2; }
  constexpr int chunk_bytes() const { return 2 * expand_bytes(); }
  // Of feed_forward's statistics, which each warp takes of its own: floats, a multiple of 16 bytes.
  constexpr int moments_of_warp() const { return 3 * channels + 4; }
  constexpr int moments_bytes(int teams_of_block) const {
    return convolves ? 0 : teams_of_block * 4 * moments_of_warp() * 4;
  }
  constexpr int filter_bytes() const { return convolves ? channels * 9 * 8 * 2 : 0; }
  // Patches pass the convolution's result from the warps that have its groups to those that have its pixels;
  // two buffers, so that the next result does not wait for the last reader.
  constexpr int convolved_bytes() const { return patches ? 2 * fragments * 64 * channels * 2 : 0; }
};

constexpr HopperTile hopper_tile(int channels, bool patches) {
  return {.channels = channels,
          .fragments = channels == 32 ? 2 : 1,
          .teams = 3,
          .ring = channels == 128,
          .patches = patches};
}

// Of feed_forward, see feed_forward_tile.
constexpr HopperTile feed_forward_hopper_tile(int channels) {
  HopperTile tile = hopper_tile(channels, false);
  tile.convolves = false;
  return tile;
}

struct HopperTiling {
  int teams = 0, slots = 0, chunks = 0;
  int tile_pixels = 0;   // that a team computes
  int run_pixels = 0;    // of a run or a patch in shared memory; the pixel behind a run is zero
  int block_bytes = 0;   // of one block of columns of a run, or of a patch
  int shared_bytes = 0;  // of a thread block; 0: nothing fits
};

// Offsets in shared memory. What is swizzled comes first, aligned to 1024 bytes.
struct HopperLayout {
  int tiles, convolved, filter, conv_bias, project_bias, expand_bias, moments, barriers, counters, end;

  constexpr HopperLayout(const HopperTile tile, const HopperTiling& tiling)
      : tiles(tiling.slots * tile.chunk_bytes()),
        convolved(tiles +
                  tiling.teams * (tile.patches ? tile.fragments : tile.column_blocks()) * tiling.block_bytes),
        filter(convolved + tiling.teams * tile.convolved_bytes()),
        conv_bias(filter + tile.filter_bytes()),
        project_bias(conv_bias + tile.channels * 4),
        expand_bias(project_bias + tile.channels * 4),
        moments(expand_bias + tiling.chunks * HopperTile::kChunk * 4),
        barriers(moments + tile.moments_bytes(tiling.teams)),
        counters(barriers + (tiling.teams + tiling.slots) * 8),
        end(counters + tiling.slots * 4) {}
};

// More teams before fewer, but no more than keep all multiprocessors busy. Nothing fits where rows are longer
// than the copy engine's boxes allow, or where a ring would hold all weights.
constexpr HopperTiling hopper_tiling(const HopperTile& tile, std::int64_t pixels, std::int64_t width,
                                     std::int64_t hidden, std::int64_t shared_limit, int multiprocessors) {
  constexpr std::int64_t kLongestBox = 256;
  HopperTiling t;
  t.tile_pixels = 64 * tile.fragments;
  t.chunks = static_cast<int>((hidden + HopperTile::kChunk - 1) / HopperTile::kChunk);
  const std::int64_t run = tile.patches     ? HopperTile::kPatchPixels
                           : tile.convolves ? 2 * width + t.tile_pixels + 2
                                            : t.tile_pixels;
  if (run > kLongestBox) return {};
  t.run_pixels = static_cast<int>(run);
  t.block_bytes = (t.run_pixels + 1 + 15) / 16 * 16 * tile.row_bytes();
  const std::int64_t tiles = (pixels + t.tile_pixels - 1) / t.tile_pixels;
  const auto useful = std::max<std::int64_t>(1, (tiles + multiprocessors - 1) / multiprocessors);
  for (t.teams = static_cast<int>(std::min<std::int64_t>(tile.teams, useful)); t.teams > 0; --t.teams) {
    for (t.slots = tile.ring ? 4 : t.chunks; t.slots >= (tile.ring ? 2 : t.chunks); --t.slots) {
      if (tile.ring && t.slots >= t.chunks) continue;
      t.shared_bytes = HopperLayout(tile, t).end;
      if (t.shared_bytes <= shared_limit) return t;
    }
  }
  return {};
}

}  // namespace cf::kernels

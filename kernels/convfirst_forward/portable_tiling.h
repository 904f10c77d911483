// How convfirst's portable route at place Cuda cuts its work, decided on the host.
//
// A tile is a run of neighbouring pixels in memory order, across rows and images: no shape wastes lanes. It
// is held in shared memory as three runs, the pixels one row above, beside and one row below, each with one
// more pixel at both ends; where rows are shorter than a run, the three overlap and become one. Padding is
// never stored: a tap outside of its image reads the zero pixel instead.
//
// A team of warps works on a tile, each warp on 16 * fragments pixels. The teams of a block share the
// weights, which come in chunks of hidden channels (rows of expand, columns of project): all of them at once
// if they fit, else through a ring of slots.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

// The tuned numbers of one padded width.
struct ConvFirstTile {
  int channels;   // C of x and of the weights is padded to this with zeros
  int fragments;  // of 16 pixels a warp works on: each weight read from shared memory serves all of them
  int chunk;      // hidden channels
  int warps;      // of a block at most: 16 leave a thread 128 registers, 12 168, 8 255
  bool filter_in_shared_memory;
  bool convolves = true;  // false: the block begins behind the convolution, see feed_forward_tile

  static constexpr int kPad = 16;  // bytes behind a pixel: 8 of them lie in different banks

  constexpr int pixel_bytes() const { return channels * 2 + kPad; }  // of x, and of a row of expand
  constexpr int project_row_bytes() const { return chunk * 2; }
  constexpr int expand_bytes() const { return chunk * pixel_bytes(); }
  constexpr int chunk_bytes() const { return expand_bytes() + channels * project_row_bytes(); }
  // Rows of project are short enough to be swizzled: what the 16-byte pieces of a row are numbered by is
  // XORed with this, so that the same piece of 8 neighbouring rows lies in different banks.
  constexpr int project_swizzle(int row) const {
    const int pieces = chunk / 8;
    return row * pieces / 8 % pieces;
  }
  constexpr int filter_bytes() const { return filter_in_shared_memory ? channels * 9 * 8 * 2 : 0; }
};

inline constexpr int kConvFirstWidths[] = {16, 32, 48, 64, 80, 96, 128, 160, 192};
inline constexpr int kConvFirstMostChannels = 192;

// What binds is registers: sums take fragments * channels / 2 of them, the convolution's result half of that.
constexpr ConvFirstTile convfirst_tile(int padded_channels) {
  const int c = padded_channels;
  return {.channels = c,
          .fragments = c <= 128 ? 2 : 1,
          .chunk = c <= 32   ? 64
                   : c <= 96 ? 32
                             : 16,
          .warps = c <= 32               ? 16
                   : c <= 64 || c == 160 ? 12
                                         : 8,
          .filter_in_shared_memory = c <= 128};
}

// Of feed_forward: x is u itself, the biases but expand's are zero, and x is not added to the result. Its
// rows have no neighbours: a tile is one run, that of a width of zero.
constexpr ConvFirstTile feed_forward_tile(int padded_channels) {
  ConvFirstTile tile = convfirst_tile(padded_channels);
  tile.filter_in_shared_memory = tile.convolves = false;
  return tile;
}

constexpr int convfirst_padded_channels(std::int64_t channels) {
  for (const int width : kConvFirstWidths) {
    if (channels <= width) return width;
  }
  return 0;
}

struct ConvFirstTiling {
  int team_warps = 0, teams = 0;
  int chunks = 0;        // of hidden channels
  int turn = 1;          // chunks that a slot holds, a power of two
  int slots = 0;         // that hold less than all chunks: the weights pass through a ring of them
  int tile_pixels = 0;   // pixels a team computes
  int row_stride = 0;    // pixels of shared memory between the three runs
  int tile_bytes = 0;    // of the runs
  int shared_bytes = 0;  // of a block; 0: nothing fits

  constexpr bool resident() const { return slots * turn >= chunks; }
};

// Offsets in shared memory: the zero pixel, the filter, the biases (expand's padded to whole chunks), the
// slots, the tiles.
struct ConvFirstLayout {
  int filter, conv_bias, project_bias, expand_bias, slots, tiles, end;

  constexpr ConvFirstLayout(const ConvFirstTile& tile, const ConvFirstTiling& tiling)
      : filter(tile.pixel_bytes()),
        conv_bias(filter + tile.filter_bytes()),
        project_bias(conv_bias + tile.channels * 4),
        expand_bias(project_bias + tile.channels * 4),
        slots(expand_bias + tiling.chunks * tile.chunk * 4),
        tiles(slots + tiling.slots * tiling.turn * tile.chunk_bytes()),
        end(tiles + tiling.teams * tiling.tile_bytes) {}
};

struct ConvFirstProblem {
  std::int64_t pixels, width, hidden;
};

// Sets chunks per turn and slots to the first that fit: all weights at once, three slots, two slots; long
// turns before short ones, because all warps meet at each. False: nothing fits.
constexpr bool fit_weights(const ConvFirstTile& tile, std::int64_t shared_limit, ConvFirstTiling& t) {
  const auto fits = [&](int slots, int turn) {
    t.slots = slots;
    t.turn = turn;
    t.shared_bytes = ConvFirstLayout(tile, t).end;
    return t.shared_bytes <= shared_limit;
  };
  if (fits(t.chunks, 1)) return true;
  for (const int slots : {3, 2}) {
    for (const int turn : {4, 2, 1}) {
      if (t.chunks % turn == 0 && slots * turn < t.chunks && fits(slots, turn)) return true;
    }
  }
  return false;
}

inline constexpr std::int64_t kMostTeams = 15;  // named barriers of a block

// The first that fits of: larger teams before smaller, more teams before fewer, but no more than keep all
// multiprocessors busy.
constexpr ConvFirstTiling convfirst_tiling(const ConvFirstTile& tile, const ConvFirstProblem& problem,
                                           std::int64_t shared_limit, int multiprocessors) {
  ConvFirstTiling t;
  t.chunks = static_cast<int>((problem.hidden + tile.chunk - 1) / tile.chunk);
  for (t.team_warps = 4; t.team_warps > 0; t.team_warps /= 2) {
    t.tile_pixels = 16 * tile.fragments * t.team_warps;
    t.row_stride = static_cast<int>(std::min<std::int64_t>(problem.width, t.tile_pixels + 2));
    t.tile_bytes = (2 * t.row_stride + t.tile_pixels + 2) * tile.pixel_bytes();
    const std::int64_t tiles = (problem.pixels + t.tile_pixels - 1) / t.tile_pixels;
    const auto useful = std::max<std::int64_t>(1, (tiles + multiprocessors - 1) / multiprocessors);
    const auto most = std::min<std::int64_t>({tile.warps / t.team_warps, kMostTeams, useful});
    for (t.teams = static_cast<int>(most); t.teams > 0; --t.teams) {
      if (fit_weights(tile, shared_limit, t)) return t;
    }
  }
  return {};
}

}  // namespace cf::kernels

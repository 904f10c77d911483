// How the forward pass of patch_conv by wgmma cuts its work, decided on the host: a block takes tiles of some
// lines of patches, each of its warpgroups 64 of their patches, by 32 or 128 output channels.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

struct PatchConvTiling {
  static constexpr int kTeamRows = 64;  // patches of a warpgroup
  static constexpr int kMostTeams = 4, kMostSlots = 16, kFewestSlots = 3;
  static constexpr int kDepth = 64;  // of a slot of the ring
  static constexpr int kRowBytes = 2 * kDepth;
  static constexpr int kColumns[] = {32, 128};

  int teams = 0;
  int columns = 0;            // output channels of a tile
  int lines = 0, images = 0;  // of a tile; more than one image only if all their lines
  int slots = 0;
  int shared_bytes = 0;  // 0: not this route
  std::int64_t line_tiles = 0, image_tiles = 0, column_tiles = 0;

  constexpr std::int64_t tiles() const { return line_tiles * image_tiles * column_tiles; }
  constexpr int slot_bytes() const { return (teams * kTeamRows + columns) * kRowBytes; }
};

// `lines` of `across` patches in each of so many images; where no row is lost all images are one. `depth`:
// values of a patch.
struct PatchConvLines {
  std::int64_t images, lines, across, channels, depth;
};

// Nanoseconds that a multiprocessor of an H200 takes for a tile: products beside memory traffic, and what
// does not overlap with the next tile. A tile's patches come once from memory for all its output channels.
constexpr double patch_conv_tile_time(const PatchConvLines& p, const PatchConvTiling& t) {
  constexpr double kFlops = 5500, kBytes = 30, kBetweenTiles = 1000;  // a nanosecond; nanoseconds
  const double rows = t.teams * PatchConvTiling::kTeamRows;
  const double multiplies = rows * t.columns * static_cast<double>(p.depth);
  const double bytes =
      2 * rows * (static_cast<double>(p.depth) / static_cast<double>(t.column_tiles) + t.columns);
  return std::max(2 * multiplies / kFlops + kBetweenTiles, bytes / kBytes);
}

// The tiling that finishes first if all multiprocessors take turns. Few output channels a tile only where all
// tiles fit in one round.
constexpr PatchConvTiling patch_conv_tiling(const PatchConvLines& p, int multiprocessors,
                                            std::int64_t shared_limit) {
  using Tiling = PatchConvTiling;
  constexpr auto kRoundUp = [](std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit; };
  constexpr int kBarrierBytes = 16;
  Tiling best;
  double least = 0;
  for (const int columns : Tiling::kColumns) {
    for (int teams = Tiling::kMostTeams; teams > 0; --teams) {
      const std::int64_t rows = teams * Tiling::kTeamRows;
      Tiling t{.teams = teams, .columns = columns};
      t.lines = static_cast<int>(std::min(p.lines, rows / p.across));
      if (t.lines == 0) continue;
      t.images = t.lines < p.lines ? 1 : static_cast<int>(std::min(p.images, rows / (p.lines * p.across)));
      t.line_tiles = kRoundUp(p.lines, t.lines);
      t.image_tiles = kRoundUp(p.images, t.images);
      t.column_tiles = kRoundUp(p.channels, columns);
      t.slots = static_cast<int>(
          std::min<std::int64_t>(Tiling::kMostSlots, shared_limit / (t.slot_bytes() + kBarrierBytes)));
      const std::int64_t rounds = kRoundUp(t.tiles(), multiprocessors);
      if (t.slots < Tiling::kFewestSlots || (columns == Tiling::kColumns[0] && rounds > 1)) continue;
      const double time = static_cast<double>(rounds) * patch_conv_tile_time(p, t);
      if (best.shared_bytes > 0 && time >= least) continue;
      least = time;
      best = t;
      best.shared_bytes = t.slots * (t.slot_bytes() + kBarrierBytes);
    }
  }
  return best;
}

}  // namespace cf::kernels

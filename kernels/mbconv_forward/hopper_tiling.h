// How mbconv's Hopper route at place Cuda cuts its work, decided on the host.
//
// First half, x to u: a block has some whole images and goes through slices of 64 hidden channels, its
// warpgroups in turn. Pixels are the columns of the product, so that a tile of one 14x14 image wastes 2 %.
// Second half, u to y: a warpgroup has 64 pixels by 256 channels.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

struct MBConvHopperTiling {
  static constexpr int kTeams = 3;   // warpgroups of a block, beside the one that copies
  static constexpr int kSlice = 64;  // hidden channels
  static constexpr int kDepth = 64;  // channels of x or hidden channels in a slot
  static constexpr int kRowBytes = 128;
  static constexpr int kSlotBytes = kSlice * kRowBytes;
  static constexpr int kMostColumns = 256;  // pixels of a product, and the longest box of the copy engine

  int images = 0;      // of a block
  int columns = 0;     // of the product, at least the pixels
  int image_rows = 0;  // between images in shared memory: behind each a row of zeros
  int pitch = 0;       // pixels between rows in shared memory
  int depth_blocks = 0;
  int slots = 0;         // of the ring of weights
  int shared_bytes = 0;  // 0: not this route

  constexpr int x_bytes() const { return depth_blocks * columns * kRowBytes; }
  // Columns of the product that belong to no image go where no pixel is: behind the rows, or into a row
  // behind the images.
  constexpr bool has_room_in_rows(int height, int width) const {
    return columns == images * height * width || (pitch - width) * images * image_rows >= 8;
  }
  // From one team's tile to the next. It begins with a row of zeros, which is the one behind the images of
  // the tile before unless something is written there: the last row of an odd number is computed with the one
  // behind it.
  constexpr int team_rows(int height, int width) const {
    return images * image_rows + (has_room_in_rows(height, width) ? height % 2 : 2);
  }
  constexpr int team_bytes(int height, int width) const {
    return team_rows(height, width) * pitch * kRowBytes;
  }
  constexpr int tiles_bytes(int height, int width) const {
    return kTeams * team_bytes(height, width) + pitch * kRowBytes;
  }
};

// Offsets in shared memory, from an address aligned to 1024 bytes.
struct MBConvHopperLayout {
  int teams, slots, places, turns, barriers, end;

  constexpr MBConvHopperLayout(const MBConvHopperTiling& t, int height, int width)
      : teams(t.x_bytes()),
        slots(teams + t.tiles_bytes(height, width)),
        places(slots + t.slots * MBConvHopperTiling::kSlotBytes),
        turns(places + t.columns * 4),
        barriers(turns + MBConvHopperTiling::kTeams * 8),
        end(barriers + t.depth_blocks * 8 + t.slots * 16) {}
};

inline constexpr int kMBConvHopperColumns[] = {104, 200, 256};

// Of the numbers of images that fit with at least three slots the one that wastes the least of the product;
// of equals the largest.
constexpr MBConvHopperTiling mbconv_hopper_tiling(std::int64_t samples, std::int64_t height,
                                                  std::int64_t width, std::int64_t channels,
                                                  std::int64_t shared_limit) {
  constexpr std::int64_t kWidest = 16;
  constexpr int kFewestSlots = 3, kMostSlots = 12;
  MBConvHopperTiling best;
  const std::int64_t pixels = height * width;
  if (pixels > MBConvHopperTiling::kMostColumns || width > kWidest) return best;
  double best_share = 0;
  for (auto images = static_cast<int>(std::min(samples, MBConvHopperTiling::kMostColumns / pixels));
       images > 0; --images) {
    MBConvHopperTiling t;
    t.images = images;
    for (const int columns : kMBConvHopperColumns) {
      if (t.columns == 0 && columns >= images * pixels) t.columns = columns;
    }
    t.image_rows = static_cast<int>(height) + 1;
    t.pitch = static_cast<int>(width + 7) / 8 * 8;
    t.depth_blocks =
        static_cast<int>((channels + MBConvHopperTiling::kDepth - 1) / MBConvHopperTiling::kDepth);
    const auto fixed = MBConvHopperLayout(t, static_cast<int>(height), static_cast<int>(width)).end;
    constexpr int kBytesOfSlot = MBConvHopperTiling::kSlotBytes + 16;
    t.slots = static_cast<int>(std::min<std::int64_t>(kMostSlots, (shared_limit - fixed) / kBytesOfSlot));
    if (t.slots < kFewestSlots) continue;
    const double share = static_cast<double>(images * pixels) / t.columns;
    if (share <= best_share) continue;
    best_share = share;
    best = t;
    best.shared_bytes = MBConvHopperLayout(t, static_cast<int>(height), static_cast<int>(width)).end;
  }
  return best;
}

struct MBConvProjectTiling {
  static constexpr int kRows = 64;       // pixels of a warpgroup
  static constexpr int kColumns = 256;   // channels of a block
  static constexpr int kDepth = 64;      // hidden channels, or at the end channels of x, in a slot
  static constexpr int kMostTeams = 3;   // warpgroups of a block that multiply
  static constexpr int kMostImages = 8;  // that a block's pixels belong to
  static constexpr int kRowBytes = 128;
  static constexpr int kWeightBytes = kColumns * kRowBytes, kTeamBytes = kRows * kRowBytes;

  int teams = 0;
  int images = 0;        // whose gates a slot has room for
  int slots = 0;         // of the ring
  int shared_bytes = 0;  // 0: not this route

  constexpr int slot_bytes() const { return kWeightBytes + teams * kTeamBytes; }
  // Behind the slots, an address aligned to 1024 bytes.
  constexpr int gates() const { return slots * slot_bytes(); }
  constexpr int gate_bytes() const { return images * kRowBytes; }
  constexpr int barriers() const { return gates() + slots * gate_bytes(); }
};

// Warpgroups of a block: the number that finishes first if all multiprocessors take turns of one block each;
// of equals the largest, which reads the weights least often.
constexpr int mbconv_project_teams(std::int64_t pixels, std::int64_t channels, int multiprocessors) {
  using Tiling = MBConvProjectTiling;
  int best = 0;
  std::int64_t least = 0;
  for (int teams = Tiling::kMostTeams; teams > 0; --teams) {
    const std::int64_t rows = teams * Tiling::kRows;
    const std::int64_t blocks =
        (pixels + rows - 1) / rows * ((channels + Tiling::kColumns - 1) / Tiling::kColumns);
    const std::int64_t time = (blocks + multiprocessors - 1) / multiprocessors * teams;
    if (best == 0 || time < least) {
      best = teams;
      least = time;
    }
  }
  return best;
}

constexpr MBConvProjectTiling mbconv_project_tiling(std::int64_t pixels, std::int64_t image_pixels,
                                                    std::int64_t channels, int multiprocessors,
                                                    std::int64_t shared_limit) {
  constexpr int kFewestSlots = 3, kMostSlots = 6;
  MBConvProjectTiling t;
  t.teams = mbconv_project_teams(pixels, channels, multiprocessors);
  // Of pixels that start anywhere in an image.
  const std::int64_t images = (t.teams * MBConvProjectTiling::kRows + image_pixels - 2) / image_pixels + 1;
  if (images > MBConvProjectTiling::kMostImages) return {};
  t.images = images > 4 ? MBConvProjectTiling::kMostImages : 4;
  for (t.slots = kMostSlots; t.slots >= kFewestSlots; --t.slots) {
    t.shared_bytes = t.barriers() + t.slots * 16;
    if (t.shared_bytes <= shared_limit) return t;
  }
  return {};
}

}  // namespace cf::kernels

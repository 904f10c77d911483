// How mbconv's portable route at place Cuda cuts the pixels, decided on the host.
//
// A tile is a rectangle of an image, or some whole images where they are small. What its convolution reads,
// the tile with a border where the image goes on, is its region; t is computed for all of it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

struct MBConvTiling {
  static constexpr int kMostPixels = 256;  // of a region
  static constexpr int kMostImages = 32;   // of a tile

  int images = 1;                           // of a tile; more than one are whole
  int rows = 0, columns = 0;                // of a tile in each image
  int border_rows = 0, border_columns = 0;  // above and below, left and right: 0 or 1
  int down = 0, across = 0;                 // tiles of an image

  constexpr int region_rows() const { return rows + 2 * border_rows; }
  constexpr int region_columns() const { return columns + 2 * border_columns; }
  constexpr int region_pixels() const { return images * region_rows() * region_columns(); }
  constexpr int tile_pixels() const { return images * rows * columns; }
  constexpr int tiles_of_image() const { return down * across; }
};

// The tiling that computes the fewest pixels; of equals the one with the longest rows.
constexpr MBConvTiling mbconv_tiling(std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kMost = MBConvTiling::kMostPixels;
  MBConvTiling t;
  if (height * width <= kMost) {
    t.images = static_cast<int>(std::min<std::int64_t>(MBConvTiling::kMostImages, kMost / (height * width)));
    t.rows = static_cast<int>(height);
    t.columns = static_cast<int>(width);
    t.down = t.across = 1;
    return t;
  }
  constexpr std::int64_t kFewestColumns = 8;
  std::int64_t least = -1;
  for (std::int64_t across = 1; across == 1 || width / across >= kFewestColumns; ++across) {
    const std::int64_t columns = (width + across - 1) / across, region = columns + (across > 1 ? 2 : 0);
    const bool whole = region * height <= kMost;
    const std::int64_t most_rows = whole ? height : kMost / region - 2;
    if (most_rows < 1) continue;
    const std::int64_t down = (height + most_rows - 1) / most_rows, rows = (height + down - 1) / down;
    const std::int64_t computed = across * down * region * (rows + (whole ? 0 : 2));
    if (least >= 0 && computed >= least) continue;
    least = computed;
    t = {.images = 1,
         .rows = static_cast<int>(rows),
         .columns = static_cast<int>(columns),
         .border_rows = whole ? 0 : 1,
         .border_columns = across > 1 ? 1 : 0,
         .down = static_cast<int>(down),
         .across = static_cast<int>(across)};
  }
  return t;
}

inline constexpr std::int64_t kMBConvSliceBytes = 52'000'000;  // a Hopper GPU's L2 cache holds 50 to 60 MB

// Images whose u is computed before it is projected: equal slices of whole groups of `group` images that stay
// below slice_bytes, if one group does, and within the limits of a grid.
constexpr std::int64_t mbconv_slice_images(std::int64_t images, std::int64_t image_bytes, std::int64_t group,
                                           std::int64_t slice_bytes = kMBConvSliceBytes) {
  constexpr std::int64_t kMostImages = 1 << 18;
  const std::int64_t fitting = std::min(kMostImages, slice_bytes / image_bytes);
  const std::int64_t most = std::max(group, fitting / group * group);
  const std::int64_t slices = (images + most - 1) / most;
  const std::int64_t share = (images + slices - 1) / slices;
  return std::min(images, (share + group - 1) / group * group);
}

}  // namespace cf::kernels

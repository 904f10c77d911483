// How gates and second half of mbconv's Hopper route cut a batch of few images, decided on the host
// (hopper_few_images.cuh).
#pragma once

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

struct MBConvFewTiling {
  static constexpr int kBlocks = 8;  // of a cluster, which share the hidden channels
  static constexpr int kRows = 64;   // pixels of an image
  static constexpr int kBlock = 64;  // of hidden or squeezed channels: a row of 128 bytes in shared memory
  static constexpr int kRowBytes = 128;
  static constexpr int kMostRows = 256;  // the longest box of the copy engine

  int columns = 0;          // channels of a cluster
  int depth_blocks = 0;     // hidden channels of a block
  int squeezed_rows = 0;    // squeezed channels, whole tiles of 16
  int squeezed_blocks = 0;  // the same, whole blocks
  int shared_bytes = 0;     // 0: not this way

  constexpr int depth() const { return depth_blocks * kBlock; }

  // Offsets in shared memory, from an address aligned to 1024 bytes.
  constexpr int project() const { return depth_blocks * kRows * kRowBytes; }  // behind u
  constexpr int project_bytes() const { return depth_blocks * columns * kRowBytes; }
  constexpr int squeeze() const { return project() + project_bytes(); }
  constexpr int squeeze_bytes() const { return depth_blocks * squeezed_rows * kRowBytes; }
  constexpr int excite() const { return squeeze() + squeeze_bytes(); }
  constexpr int excite_bytes() const { return squeezed_blocks * depth() * kRowBytes; }
  constexpr int parts() const { return excite() + excite_bytes(); }  // of y [blocks][8 pixels][columns]
  constexpr int squeezed_parts() const { return parts() + kRows * columns * 4; }  // [blocks][squeezed_rows]
  constexpr int pooled() const { return squeezed_parts() + kBlocks * squeezed_rows * 4; }
  constexpr int squeezed() const { return pooled() + depth() * 2; }
  constexpr int gate() const { return squeezed() + squeezed_blocks * kRowBytes; }
  constexpr int barriers() const { return gate() + depth() * 2; }
  constexpr int end() const { return barriers() + 3 * 8; }
};

inline constexpr int kMBConvFewColumns[] = {128, 64};

// Where the batch is so small that there are no more blocks than multiprocessors (clusters that do not fit
// into one of the GPU's parts may still wait); the most channels of a cluster that fit, since each computes
// its gates.
constexpr MBConvFewTiling mbconv_few_tiling(std::int64_t images, std::int64_t image_pixels,
                                            std::int64_t channels, std::int64_t hidden, std::int64_t squeezed,
                                            int multiprocessors, std::int64_t shared_limit) {
  using Tiling = MBConvFewTiling;
  const auto parts = [](std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; };
  const std::int64_t depth_blocks = parts(hidden, Tiling::kBlocks * Tiling::kBlock);
  if (squeezed % 8 != 0 || squeezed > Tiling::kMostRows) return {};
  if (depth_blocks * Tiling::kBlock > Tiling::kMostRows) return {};
  Tiling t;
  t.depth_blocks = static_cast<int>(depth_blocks);
  t.squeezed_rows = static_cast<int>(parts(squeezed, 16) * 16);
  t.squeezed_blocks = static_cast<int>(parts(squeezed, Tiling::kBlock));
  for (const int columns : kMBConvFewColumns) {
    t.columns = columns;
    const std::int64_t blocks =
        Tiling::kBlocks * images * parts(image_pixels, Tiling::kRows) * parts(channels, columns);
    if (t.end() > shared_limit || (columns > Tiling::kBlock && channels <= Tiling::kBlock)) continue;
    if (blocks > multiprocessors) return {};
    t.shared_bytes = t.end();
    return t;
  }
  return {};
}

}  // namespace cf::kernels

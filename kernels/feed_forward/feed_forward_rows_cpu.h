// The micro-kernel of feed_forward at place Cpu: both products of some pixels, whose hidden values stay in
// cache. Used by feed_forward and by the fused blocks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/activation/activation_cpu.h"
#include "kernels/gemm/small_gemm.h"

namespace cf::kernels {

// Pixels whose hidden values are held at a time: full tiles of the products.
constexpr std::int64_t feed_forward_block_pixels(std::int64_t hidden) {
  constexpr std::int64_t kHiddenFloats = 24 * 1024;  // 96 KiB
  constexpr std::int64_t kTilePixels = 12;
  const std::int64_t pixels = kHiddenFloats / std::max<std::int64_t>(hidden, 1);
  return std::clamp<std::int64_t>(pixels / kTilePixels, 1, 16) * kTilePixels;
}

struct FeedForwardRows {
  std::int64_t channels, hidden;
  const float *expand, *project;  // packed by pack_matrix, with their biases

  std::int64_t pixels_per_block() const { return feed_forward_block_pixels(hidden); }
  std::int64_t buffer_floats() const { return pixels_per_block() * hidden; }

  // p = project max(expand u, 0) of at most pixels_per_block() pixels; `buffer` holds buffer_floats().
  void run(const float* u, std::int64_t pixels, float* buffer, float* p) const {
    multiply_rows({u, channels, expand, channels, hidden, buffer, hidden}, pixels);
    for (std::int64_t i = 0; i < pixels * hidden; ++i) buffer[i] = activate<Activation::Relu>(buffer[i]);
    multiply_rows({buffer, hidden, project, hidden, channels, p, channels}, pixels);
  }
};

}  // namespace cf::kernels

// Bytes of images to what a network takes; the contract is kernels/normalize_image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/runtime/executor.h"

namespace cf {

// Per channel, of values in [0, 1].
struct Normalization {
  std::vector<float> mean, deviation;
};

// images: uint8 [N,H,W,C] in memory of the caller. Returns [N,H,W,C] of `dtype` at the executor's place.
Tensor normalize_image(Executor& executor, View<const std::uint8_t, N, H, W, C> images,
                       const Normalization& normalization, DType dtype);

}  // namespace cf

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

// The statistics at the executor's place.
class ImageNormalizer {
 public:
  ImageNormalizer(Executor& executor, const Normalization& normalization);

  // images: uint8 [N,H,W,C] at the executor's place, as the result of `dtype` is. Another number of channels
  // than the statistics have is an error.
  Tensor operator()(Executor& executor, const Tensor& images, DType dtype) const;

 private:
  Tensor mean_, deviation_;  // [C]
};

// The same for images in memory of the caller.
Tensor normalize_image(Executor& executor, View<const std::uint8_t, N, H, W, C> images,
                       const Normalization& normalization, DType dtype);

}  // namespace cf

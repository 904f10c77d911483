// Bytes of images to what a network takes; the contracts are kernels/normalize_image and kernels/mix_images.
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

// By how much, and where: share [N] (float) and box [N,K=4] (int64) of kernels/mix_images.
struct ImageMix {
  Tensor share, box;
};

// The statistics at the executor's place.
class ImageNormalizer {
 public:
  ImageNormalizer(Executor& executor, const Normalization& normalization);

  // images: uint8 [N,H,W,C] at the executor's place, as the result of `dtype` is. Another number of channels
  // than the statistics have is an error.
  Tensor operator()(Executor& executor, const Tensor& images, DType dtype) const;

  // The same, each image mixed with its partner: kernels/mix_images.
  Tensor operator()(Executor& executor, const Tensor& images, const ImageMix& mix, DType dtype) const;

 private:
  void require_channels(const Tensor& images) const;

  Tensor mean_, deviation_;  // [C]
};

// The same for images in memory of the caller.
Tensor normalize_image(Executor& executor, View<const std::uint8_t, N, H, W, C> images,
                       const Normalization& normalization, DType dtype);

}  // namespace cf

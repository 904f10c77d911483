// How gated_norm at place Cuda walks over NHWC images: a block takes some channels of one sample, a thread a
// pack of them in every stride-th pixel, so that it loads what belongs to the sample and its channels once.
#pragma once

#include <cstdint>

#include "kernels/base/channels_last.cuh"

namespace cf::kernels {

// Whole samples behind one another, so that a pass finds what the one before it left in the L2 cache if it
// goes the other way.
enum class SampleOrder { FirstToLast, LastToFirst };

// A thread's pixels [first_pixel, e.pixels); none where it has no channels.
struct SampleTile {
  std::int64_t sample, channel, first_pixel;
  bool has_channels;

  // Place of the channels in [N,C], and of a pixel's in the image.
  __device__ std::int64_t at(const ImageExtents& e) const { return sample * e.channels + channel; }
  __device__ std::int64_t offset(const ImageExtents& e, std::int64_t pixel) const {
    return (sample * e.pixels + pixel) * e.channels + channel;
  }
};

// Of packs of n channels.
template <int n>
__device__ inline SampleTile sample_tile(const ImageExtents& e, SampleOrder order) {
  const auto width = static_cast<unsigned>(blockDim.x);
  const auto blocks_of_sample = static_cast<unsigned>((e.channels / n + width - 1) / width);
  const std::int64_t index = blockIdx.x / blocks_of_sample;
  const std::int64_t channel = std::int64_t{blockIdx.x % blocks_of_sample * width + threadIdx.x} * n;
  const bool has_channels = channel < e.channels;
  return {order == SampleOrder::FirstToLast ? index : e.samples - 1 - index, channel,
          has_channels ? std::int64_t{threadIdx.y} : e.pixels, has_channels};
}

// body(pixel's offset, packs) with the packs of all images at each pixel of the thread, which are loaded some
// pixels ahead: the compiler would not move a load over the store of the pixel before.
template <int kPixels, int n, class T, int kImages, class Body>
__device__ inline void for_each_pixel(const SampleTile& tile, const ImageExtents& e,
                                      const T* const (&images)[kImages], const Body& body) {
  const std::int64_t stride = blockDim.y;
  for (std::int64_t first = tile.first_pixel; first < e.pixels; first += kPixels * stride) {
    Pack<T, n> packs[kPixels][kImages];
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const std::int64_t pixel = first + i * stride;
#pragma unroll
      for (int image = 0; image < kImages; ++image) {
        packs[i][image] = load_pack<T, n>(images[image] + tile.offset(e, pixel < e.pixels ? pixel : first));
      }
    }
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const std::int64_t pixel = first + i * stride;
      if (pixel < e.pixels) body(tile.offset(e, pixel), packs[i]);
    }
  }
}

// Blocks of threads (packs of n channels, pixels).
inline LaunchShape sample_shape(std::string_view kernel, const ImageExtents& e, int n) {
  constexpr std::int64_t kMostBlocks = (std::int64_t{1} << 31) - 1;
  const std::int64_t packs = e.channels / n;
  unsigned width = 1;
  while (width < packs && width < 32) width *= 2;
  const std::int64_t blocks = e.samples * ((packs + width - 1) / width);
  CF_CHECK(blocks <= kMostBlocks, kernel, ": N=", e.samples, " C=", e.channels, " are too many for the GPU");
  return {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(width, kImageBlock / width)};
}

template <class Args>
ImageExtents image_extents(const Args& a) {
  return {a.x.template extent<N>().value, a.x.template extent<H>().value * a.x.template extent<W>().value,
          a.x.template extent<C>().value};
}

}  // namespace cf::kernels

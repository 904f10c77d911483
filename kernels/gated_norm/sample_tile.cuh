// How gated_norm at place Cuda walks over NHWC images: a thread takes a pack of channels of one sample in
// every so manieth pixel, so that it loads what belongs to the sample and its channels once. Where pixels are
// added up, threads of one warp share them; where each is for itself, the warps of a block do, since a warp
// is best at reading 32 packs side by side.
#pragma once

#include <cstdint>

#include "kernels/base/channels_last.cuh"

namespace cf::kernels {

// Whole samples behind one another, so that a pass finds what the one before it left in the L2 cache if it
// goes the other way.
enum class SampleOrder { FirstToLast, LastToFirst };

// Threads of a block: `packs` side by side in each of `pixels` pixels, and so on with the next packs.
struct SampleWalk {
  ImageExtents e;
  int packs, pixels;
  int blocks_of_sample;
  SampleOrder order;
};

// A thread's pixels [first_pixel, e.pixels), a pixel in every walk.pixels; none where it has no channels.
struct SampleTile {
  std::int64_t sample, channel, first_pixel;
  bool has_channels;

  // Place of the channels in [N,C], and of a pixel's in the image.
  __device__ std::int64_t at(const ImageExtents& e) const { return sample * e.channels + channel; }
  __device__ std::int64_t offset(const ImageExtents& e, std::int64_t pixel) const {
    return (sample * e.pixels + pixel) * e.channels + channel;
  }
  // Of the threads that share the channels, the one that finishes.
  __device__ bool finishes() const { return has_channels && first_pixel == 0; }
};

// Of packs of n channels.
template <int n>
__device__ inline SampleTile sample_tile(const SampleWalk& walk) {
  const int thread = static_cast<int>(threadIdx.x), run = thread / walk.packs;
  const int block = static_cast<int>(blockIdx.x), index = block / walk.blocks_of_sample;
  const int pack = block % walk.blocks_of_sample * (kImageBlock / walk.pixels) +
                   run / walk.pixels * walk.packs + thread % walk.packs;
  const std::int64_t channel = std::int64_t{pack} * n;
  const bool has_channels = channel < walk.e.channels;
  return {walk.order == SampleOrder::FirstToLast ? std::int64_t{index} : walk.e.samples - 1 - index, channel,
          has_channels ? std::int64_t{run % walk.pixels} : walk.e.pixels, has_channels};
}

// The sum over the threads that share a thread's channels, in all of them, by a walk that adds. All threads
// of a warp must call.
__device__ inline float sum_over_pixels(const SampleWalk& walk, float value) {
  for (int offset = walk.packs; offset < 32; offset *= 2) {
    value += __shfl_xor_sync(0xffffffffU, value, offset);
  }
  return value;
}

// body(pixel's offset, packs) with the packs of all images at each pixel of the thread, which are loaded some
// pixels ahead: the compiler would not move a load over the store of the pixel before.
template <int kPixels, int n, class T, int kImages, class Body>
__device__ inline void for_each_pixel(const SampleTile& tile, const SampleWalk& walk,
                                      const T* const (&images)[kImages], const Body& body) {
  const ImageExtents& e = walk.e;
  for (std::int64_t first = tile.first_pixel; first < e.pixels; first += kPixels * walk.pixels) {
    Pack<T, n> packs[kPixels][kImages];
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const std::int64_t pixel = first + i * walk.pixels;
#pragma unroll
      for (int image = 0; image < kImages; ++image) {
        packs[i][image] = load_pack<T, n>(images[image] + tile.offset(e, pixel < e.pixels ? pixel : first));
      }
    }
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const std::int64_t pixel = first + i * walk.pixels;
      if (pixel < e.pixels) body(tile.offset(e, pixel), packs[i]);
    }
  }
}

inline SampleWalk sample_walk(const ImageExtents& e, std::int64_t all_packs, int packs, int pixels,
                              SampleOrder order) {
  const std::int64_t packs_of_block = kImageBlock / pixels;
  return {e, packs, pixels, static_cast<int>((all_packs + packs_of_block - 1) / packs_of_block), order};
}

// To add pixels up, packs of n channels: as many pixels at a time as it takes threads to fill a GPU, which
// the shape alone decides, for the same sums everywhere.
inline SampleWalk walk_that_adds(const ImageExtents& e, int n, SampleOrder order) {
  constexpr std::int64_t kWantedThreads = 132 * 512;
  constexpr int kMostPixels = 8;
  const std::int64_t packs = e.channels / n;
  int pixels = 1;
  while (pixels < kMostPixels && pixels < e.pixels && e.samples * packs * pixels < kWantedThreads)
    pixels *= 2;
  return sample_walk(e, packs, 32 / pixels, pixels, order);
}

// To take each pixel for itself, packs of n channels.
inline SampleWalk walk_that_maps(const ImageExtents& e, int n, SampleOrder order) {
  const std::int64_t packs = e.channels / n;
  int width = 1;
  while (width < packs && width < 32) width *= 2;
  return sample_walk(e, packs, width, kImageBlock / width, order);
}

inline LaunchShape sample_shape(std::string_view kernel, const SampleWalk& walk) {
  constexpr std::int64_t kMostBlocks = (std::int64_t{1} << 31) - 1;
  const std::int64_t blocks = walk.e.samples * walk.blocks_of_sample;
  CF_CHECK(blocks <= kMostBlocks, kernel, ": N=", walk.e.samples, " C=", walk.e.channels,
           " are too many for the GPU");
  return {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(kImageBlock)};
}

template <class Args>
ImageExtents image_extents(const Args& a) {
  return {a.x.template extent<N>().value, a.x.template extent<H>().value * a.x.template extent<W>().value,
          a.x.template extent<C>().value};
}

}  // namespace cf::kernels

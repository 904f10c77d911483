// How gated_norm at place Cuda walks over NHWC images: a thread takes a pack of channels of one sample in
// every so manieth pixel, so that it loads what belongs to the sample and its channels once. Where pixels are
// added up, threads of one warp share them; where each is for itself, the warps of a block do, since a warp
// is best at reading 32 packs side by side.
#pragma once

#include <cstdint>

#include "kernels/base/async_copy.cuh"
#include "kernels/base/channels_last.cuh"

namespace cf::kernels {

// Samples behind one another and the pixels of each, so that a pass finds what the one before it left in the
// L2 cache if it goes the other way: both ways, since the samples at work at a time are more than it holds.
enum class SampleOrder { FirstToLast, LastToFirst };

// Threads of a block: `packs` side by side in each of `pixels` pixels, and so on with the next packs.
struct SampleWalk {
  ImageExtents e;
  int packs, pixels;
  int blocks_of_sample;
  SampleOrder order;
};

// A thread's pixels [first_pixel, e.pixels) in the walk's order, a pixel in every walk.pixels; none where it
// has no channels.
struct SampleTile {
  std::int64_t sample, channel, first_pixel;
  bool has_channels;

  // Place of the channels in [N,C], and of a pixel's in the image.
  __device__ std::int64_t at(const ImageExtents& e) const { return sample * e.channels + channel; }
  __device__ std::int64_t offset(const SampleWalk& walk, std::int64_t pixel) const {
    const ImageExtents& e = walk.e;
    const std::int64_t place = walk.order == SampleOrder::FirstToLast ? pixel : e.pixels - 1 - pixel;
    return (sample * e.pixels + place) * e.channels + channel;
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

// The packs of some images at each pixel of a thread, of which the next kAhead are on their way, the first
// from construction on: a thread waits only for what it started that long before. Each thread copies to and
// reads places of its own in shared memory, which needs no barrier. One stream of a type in a kernel.
template <class T, int n, int kImages, int kAhead>
class PixelStream {
 public:
  using Packs = Pack<T, n>[kImages];

  __device__ PixelStream(const SampleTile& tile, const SampleWalk& walk, const T* const (&images)[kImages])
      : left_((walk.e.pixels - tile.first_pixel + walk.pixels - 1) / walk.pixels),
        offset_(tile.offset(walk, tile.first_pixel)),
        step_((walk.order == SampleOrder::FirstToLast ? walk.pixels : -walk.pixels) * walk.e.channels) {
#pragma unroll
    for (int image = 0; image < kImages; ++image) images_[image] = images[image];
    if constexpr (kIsCopied) {
#pragma unroll
      for (int i = 0; i < kAhead; ++i) start(i, i);
    }
  }

  // body(pixel's offset, packs)
  template <class Body>
  __device__ void for_each(const Body& body) {
    for (int slot = 0; left_ > 0; --left_, offset_ += step_, slot = (slot + 1) % kAhead) {
      Packs packs;
      if constexpr (kIsCopied) wait_for_copies<kAhead - 1>();
#pragma unroll
      for (int image = 0; image < kImages; ++image) {
        packs[image] = kIsCopied ? *place(slot, image) : load_pack<T, n>(images_[image] + offset_);
      }
      if constexpr (kIsCopied) start(slot, kAhead);
      body(offset_, packs);
    }
  }

 private:
  static constexpr bool kIsCopied = sizeof(Pack<T, n>) == 16;

  static __device__ Pack<T, n>* place(int slot, int image) {
    __shared__ Pack<T, n> places[kIsCopied ? kAhead : 1][kImages][kIsCopied ? kImageBlock : 1];
    return &places[slot][image][threadIdx.x];
  }

  // The pixel that many steps from here, if there is one: a group of copies either way.
  __device__ void start(int slot, int steps) const {
    if (steps < left_) {
#pragma unroll
      for (int image = 0; image < kImages; ++image) {
        copy_async_16(static_cast<std::uint32_t>(__cvta_generic_to_shared(place(slot, image))),
                      images_[image] + offset_ + steps * step_, true);
      }
    }
    commit_copies();
  }

  std::int64_t left_, offset_, step_;
  const T* images_[kImages];
};

inline SampleWalk sample_walk(const ImageExtents& e, std::int64_t all_packs, int packs, int pixels,
                              SampleOrder order) {
  const std::int64_t packs_of_block = kImageBlock / pixels;
  return {e, packs, pixels, static_cast<int>((all_packs + packs_of_block - 1) / packs_of_block), order};
}

// As many pixels at a time as it takes threads to fill a GPU, which the shape alone decides, for the same
// sums everywhere.
inline int pixels_at_a_time(const ImageExtents& e, std::int64_t packs) {
  constexpr std::int64_t kWantedThreads = 132 * 512;
  constexpr int kMostPixels = 8;
  int pixels = 1;
  while (pixels < kMostPixels && pixels < e.pixels && e.samples * packs * pixels < kWantedThreads)
    pixels *= 2;
  return pixels;
}

// To add pixels up, packs of n channels.
inline SampleWalk walk_that_adds(const ImageExtents& e, int n, SampleOrder order) {
  const std::int64_t packs = e.channels / n;
  const int pixels = pixels_at_a_time(e, packs);
  return sample_walk(e, packs, 32 / pixels, pixels, order);
}

// To take each pixel for itself, packs of n channels: as many samples at a time as a walk that adds, for what
// that one left in the L2 cache, if that leaves no thread without channels.
inline SampleWalk walk_that_maps(const ImageExtents& e, int n, SampleOrder order) {
  const std::int64_t packs = e.channels / n;
  int width = 1;
  while (width < packs && width < 32) width *= 2;
  int packs_of_block = width;
  while (packs % (2 * packs_of_block) == 0 && packs_of_block * pixels_at_a_time(e, packs) < kImageBlock)
    packs_of_block *= 2;
  return sample_walk(e, packs, width, kImageBlock / packs_of_block, order);
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

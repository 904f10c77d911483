// Loops over NHWC images beside values of one number per sample and channel, in packs of V channels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"

namespace cf {

struct ImageExtents {
  std::int64_t samples, pixels, channels;  // pixels of one sample
};

inline constexpr int kImageBlock = 256;

// body(offset, n * channels + c): first element of a pack in the image, and its channels' place in [N,C].
template <int V, class Body>
__global__ void for_each_pack_kernel(ImageExtents e, Body body) {
  const auto packs_of_pixel = static_cast<std::uint32_t>(e.channels / V);
  const auto packs = static_cast<std::uint32_t>(e.pixels * packs_of_pixel);
  for (std::int64_t n = blockIdx.y; n < e.samples; n += gridDim.y) {
    for (std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < packs; i += gridDim.x * blockDim.x) {
      body(n * e.pixels * e.channels + std::int64_t{i} * V, n * e.channels + i % packs_of_pixel * V);
    }
  }
}

template <int V, class Body>
void for_each_pack(std::string_view name, Cuda place, const ImageExtents& e, const Body& body) {
  constexpr std::int64_t kMostRows = 65535, kMostElements = std::int64_t{1} << 31;
  const std::int64_t elements = e.pixels * e.channels;
  CF_CHECK(elements < kMostElements, name, ": a sample of ", elements, " elements, must have less than ",
           kMostElements, " on the GPU");
  const auto rows = static_cast<unsigned>(std::min(e.samples, kMostRows));
  launch(name, for_each_pack_kernel<V, Body>,
         {.grid = {grid_for(elements / V, kImageBlock), rows}, .block = kImageBlock}, place, e, body);
}

// For each sample and channel the sum over the pixels of value(offset), given to finish(n * channels + c,
// sum). Grid: (samples, blocks of channels); packs_per_block: threads of a block along the channels, a power
// of 2.
template <int V, class Value, class Finish>
__global__ void sum_pixels_kernel(ImageExtents e, int packs_per_block, Value value, Finish finish) {
  __shared__ float shared[V][kImageBlock];
  const int thread = static_cast<int>(threadIdx.x), lanes = kImageBlock / packs_per_block;
  const int lane = thread / packs_per_block;
  const std::int64_t n = blockIdx.x;
  const std::int64_t c = (std::int64_t{blockIdx.y} * packs_per_block + thread % packs_per_block) * V;
  float sum[V] = {};
  if (c < e.channels) {
#pragma unroll 4
    for (std::int64_t pixel = lane; pixel < e.pixels; pixel += lanes) {
      float one[V];
      value((n * e.pixels + pixel) * e.channels + c, one);
#pragma unroll
      for (int i = 0; i < V; ++i) sum[i] += one[i];
    }
  }
#pragma unroll
  for (int i = 0; i < V; ++i) shared[i][thread] = sum[i];
  for (int half = lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane >= half) continue;
#pragma unroll
    for (int i = 0; i < V; ++i) shared[i][thread] += shared[i][thread + half * packs_per_block];
  }
  if (lane != 0 || c >= e.channels) return;
#pragma unroll
  for (int i = 0; i < V; ++i) finish(n * e.channels + c + i, shared[i][thread]);
}

template <int V, class Value, class Finish>
void sum_pixels(std::string_view name, Cuda place, const ImageExtents& e, const Value& value,
                const Finish& finish) {
  const auto packs = static_cast<int>(e.channels / V);
  int packs_per_block = 1;
  while (packs_per_block < packs && packs_per_block < 32) packs_per_block *= 2;
  const auto blocks = static_cast<unsigned>((packs + packs_per_block - 1) / packs_per_block);
  launch(name, sum_pixels_kernel<V, Value, Finish>,
         {.grid = {static_cast<unsigned>(e.samples), blocks}, .block = kImageBlock}, place, e,
         packs_per_block, value, finish);
}

}  // namespace cf

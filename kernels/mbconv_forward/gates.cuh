// The gates of mbconv at place Cuda from the sums of u over each tile.
#pragma once

#include "kernels/base/launch.cuh"
#include "kernels/mbconv_forward/mbconv_forward.h"
#include "kernels/squeeze_excite/gate_products.cuh"

namespace cf::kernels::mbconv_detail {

struct WriteSqueezed {
  const float* bias;
  float* squeezed;
  int channels;
  float share;  // of a pixel in the mean
  __device__ void operator()(std::int64_t n, int d, float sum) const {
    const float value = sum * share + bias[d];
    squeezed[n * channels + d] = value > 0 ? value : 0.0F;
  }
};

template <class T>
struct WriteGate {
  const float* bias;
  T* gate;
  int channels;
  __device__ void operator()(std::int64_t n, int e, float sum) const {
    gate[n * channels + e] = from_float<T>(1 / (1 + expf(-(sum + bias[e]))));
  }
};

// pooled[n, e] = sum of sums[n, tile, e] over the tiles.
template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    mbconv_add_tiles_kernel(std::int64_t size, int tiles, int hidden, const float* sums, float* pooled) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= size) return;
  const std::int64_t n = i / hidden, e = i % hidden;
  float sum = 0;
  for (int tile = 0; tile < tiles; ++tile) sum += sums[(n * tiles + tile) * hidden + e];
  pooled[i] = sum;
}

// Scratch of one slice of the batch.
template <class T>
struct Scratch {
  T *u, *gate;
  float *sums, *pooled, *squeezed;
};

template <class T>
void compute_gates(Cuda place, const MBConvForward<T>& a, const Scratch<T>& scratch, std::int64_t images,
                   int tiles) {
  using squeeze_excite_detail::multiply_rows;
  constexpr std::string_view kName = "mbconv forward, gates";
  const auto hidden = static_cast<int>(a.expand.template extent<E>().value),
             squeezed = static_cast<int>(a.squeeze.template extent<D>().value);
  const auto pixels = a.x.template extent<H>().value * a.x.template extent<W>().value;
  const float* pooled = scratch.sums;
  if (tiles > 1) {
    constexpr int kThreads = 256;
    const std::int64_t size = images * hidden;
    launch(kName, mbconv_add_tiles_kernel<kThreads>,
           {.grid = static_cast<unsigned>((size + kThreads - 1) / kThreads), .block = kThreads}, place, size,
           tiles, hidden, scratch.sums, scratch.pooled);
    pooled = scratch.pooled;
  }
  multiply_rows(
      kName, place, images, hidden, squeezed, a.squeeze.data(), pooled,
      WriteSqueezed{a.squeeze_bias.data(), scratch.squeezed, squeezed, 1 / static_cast<float>(pixels)});
  multiply_rows(kName, place, images, squeezed, hidden, a.excite.data(), scratch.squeezed,
                WriteGate<T>{a.excite_bias.data(), scratch.gate, hidden});
}

}  // namespace cf::kernels::mbconv_detail

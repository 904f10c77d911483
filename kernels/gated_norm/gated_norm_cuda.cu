// Gates and apply; the backward pass is in gated_norm_backward_cuda.cu.
#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/gated_norm/gated_norm_check.h"
#include "kernels/gated_norm/sample_tile.cuh"
#include "kernels/squeeze_excite/gate_layers.cuh"

namespace cf::kernels {

namespace {

constexpr int kPixels = 4;  // on their way to a thread

template <class T, Activation kActivation, int n>
__global__ void __launch_bounds__(kImageBlock)
    pool_kernel(SampleWalk walk, const T* x, const float* scale, const float* shift, float* pooled) {
  const auto tile = sample_tile<n>(walk);
  float sums[n] = {};
  if (tile.has_channels) {
    PixelStream<T, n, 1, kPixels> pixels(tile, walk, {x});
    float scales[n], shifts[n];
    load_floats(scale + tile.channel, scales);
    load_floats(shift + tile.channel, shifts);
    pixels.for_each([&](std::int64_t, const Pack<T, n>(&packs)[1]) {
#pragma unroll
      for (int j = 0; j < n; ++j) {
        sums[j] += device::activate<kActivation>(scales[j] * to_float(packs[0].value[j]) + shifts[j]);
      }
    });
  }
#pragma unroll
  for (int j = 0; j < n; ++j) sums[j] = sum_over_pixels(walk, sums[j]);
  if (!tile.finishes()) return;
#pragma unroll
  for (int j = 0; j < n; ++j) pooled[tile.at(walk.e) + j] = sums[j] / static_cast<float>(walk.e.pixels);
}

template <class T, Activation kActivation, int n>
__global__ void __launch_bounds__(kImageBlock) apply_kernel(SampleWalk walk, const T* x, const float* scale,
                                                            const float* shift, const float* gate, T* y) {
  const auto tile = sample_tile<n>(walk);
  if (!tile.has_channels) return;
  PixelStream<T, n, 1, kPixels> pixels(tile, walk, {x});
  float scales[n], shifts[n], gates[n];
  load_floats(scale + tile.channel, scales);
  load_floats(shift + tile.channel, shifts);
  load_floats(gate + tile.at(walk.e), gates);
  pixels.for_each([&](std::int64_t offset, const Pack<T, n>(&packs)[1]) {
    Pack<T, n> out;
#pragma unroll
    for (int j = 0; j < n; ++j) {
      const float normed = scales[j] * to_float(packs[0].value[j]) + shifts[j];
      out.value[j] = from_float<T>(device::activate<kActivation>(normed) * gates[j]);
    }
    store_pack(y + offset, out);
  });
}

}  // namespace

template <class T>
void gated_norm(Cuda place, const GatedNormGates<T>& a) {
  check(a);
  constexpr auto kName = "gated_norm pool";
  const ImageExtents e = image_extents(a);
  dispatch_activation(a.activation, [&]<Activation kActivation> {
    const auto run = [&]<int n> {
      const SampleWalk walk = walk_that_adds(e, n, SampleOrder::FirstToLast);
      launch(kName, pool_kernel<T, kActivation, n>, sample_shape(kName, walk), place, walk, a.x.data(),
             a.scale.data(), a.shift.data(), a.pooled.data());
    };
    dispatch_pack<T>(e.channels, run, a.x.data(), a.scale.data(), a.shift.data());
  });
  squeeze_excite_detail::compute_gates(place, a);
}

template <class T>
void gated_norm(Cuda place, const GatedNormApply<T>& a) {
  check(a);
  constexpr auto kName = "gated_norm apply";
  const ImageExtents e = image_extents(a);
  dispatch_activation(a.activation, [&]<Activation kActivation> {
    const auto run = [&]<int n> {
      const SampleWalk walk = walk_that_maps(e, n, SampleOrder::LastToFirst);
      launch(kName, apply_kernel<T, kActivation, n>, sample_shape(kName, walk), place, walk, a.x.data(),
             a.scale.data(), a.shift.data(), a.gate.data(), a.y.data());
    };
    dispatch_pack<T>(e.channels, run, a.x.data(), a.scale.data(), a.shift.data(), a.gate.data(), a.y.data());
  });
}

#define CF_INSTANTIATE(T)                                   \
  template void gated_norm(Cuda, const GatedNormGates<T>&); \
  template void gated_norm(Cuda, const GatedNormApply<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

// One pass over x and dy for all sums of a sample's pixels, the gate's layers, the norm's coefficients from
// the sums of all samples, and one pass over x and dy that writes dx.
#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/batch_norm/column_slices.cuh"
#include "kernels/gated_norm/gated_norm_backward.cuh"
#include "kernels/gated_norm/gated_norm_check.h"
#include "kernels/gated_norm/sample_tile.cuh"

namespace cf::kernels {

namespace gated_norm_detail {

namespace {

constexpr int kPixels = 4;  // of two images, on their way to a thread

// Whether the activation is its derivative times its argument, which spares a sum.
template <Activation kActivation>
constexpr bool kIsLinearInParts = kActivation == Activation::None || kActivation == Activation::Relu;

// The norm's values of n channels.
template <int n>
struct Norm {
  float mean[n], scale[n], bias[n];

  __device__ Norm(const NormPointers& norm, std::int64_t channel) {
    float rstd[n];
    load_floats(norm.mean + channel, mean);
    load_floats(norm.rstd + channel, rstd);
    load_floats(norm.gamma + channel, scale);
    load_floats(norm.bias + channel, bias);
#pragma unroll
    for (int j = 0; j < n; ++j) scale[j] *= rstd[j];
  }
};

// The sums, and da: the gradient of the gate's argument.
template <class T, Activation kActivation, int n>
__global__ void __launch_bounds__(kImageBlock, 2)
    sum_kernel(SampleWalk walk, const T* x, const T* dy, NormPointers pointers, const float* gate,
               SumPointers to, float* da) {
  const auto tile = sample_tile<n>(walk);
  float dy_slopes[n] = {}, dy_slopes_d[n] = {}, slopes[n] = {}, slopes_d[n] = {}, dy_activated[n] = {};
  if (tile.has_channels) {
    PixelStream<T, n, 2, kPixels> pixels(tile, walk, {x, dy});
    const Norm<n> norm(pointers, tile.channel);
    pixels.for_each([&](std::int64_t, const Pack<T, n>(&packs)[2]) {
#pragma unroll
      for (int j = 0; j < n; ++j) {
        const float d = to_float(packs[0].value[j]) - norm.mean[j], gradient = to_float(packs[1].value[j]);
        const float h = norm.scale[j] * d + norm.bias[j];
        const float slope = device::activation_gradient<kActivation>(h, 1);
        const float dy_slope = device::activation_gradient<kActivation>(h, gradient);
        dy_slopes[j] += dy_slope;
        dy_slopes_d[j] += dy_slope * d;
        slopes[j] += slope;
        slopes_d[j] += slope * d;
        if (!kIsLinearInParts<kActivation>) dy_activated[j] += gradient * device::activate<kActivation>(h);
      }
    });
#pragma unroll
    for (int j = 0; kIsLinearInParts<kActivation> && j < n; ++j) {
      dy_activated[j] = norm.scale[j] * dy_slopes_d[j] + norm.bias[j] * dy_slopes[j];
    }
  }
  const auto sum = [&](float(&values)[n]) {
#pragma unroll
    for (int j = 0; j < n; ++j) values[j] = sum_over_pixels(walk, values[j]);
  };
  sum(dy_slopes);
  sum(dy_slopes_d);
  sum(slopes);
  sum(slopes_d);
  sum(dy_activated);
  if (!tile.finishes()) return;
  const std::int64_t at = tile.at(walk.e);
  float gates[n];
  load_floats(gate + at, gates);
#pragma unroll
  for (int j = 0; j < n; ++j) dy_activated[j] *= gates[j] * (1 - gates[j]);
  store_floats(to.dy_slope + at, dy_slopes);
  store_floats(to.dy_slope_d + at, dy_slopes_d);
  store_floats(to.slope + at, slopes);
  store_floats(to.slope_d + at, slopes_d);
  store_floats(da + at, dy_activated);
}

// The gradients of the norm's parameters, and the coefficients of dx, which take this call's sums alone.
__global__ void __launch_bounds__(kFinishThreads)
    finish_kernel(ImageExtents e, SumPointers from, const float* gate, const float* per_pixel,
                  NormPointers norm, CoefficientPointers coefficients, float accumulate, float* dgamma,
                  float* dbias) {
  const std::int64_t c = finish_channel();
  float sums[] = {0, 0};  // dh, dh d
  if (c < e.channels) {
#pragma unroll 2
    for (std::int64_t n = threadIdx.y; n < e.samples; n += kFinishLanes) {
      const std::int64_t at = n * e.channels + c;
      sums[0] += gate[at] * from.dy_slope[at] + per_pixel[at] * from.slope[at];
      sums[1] += gate[at] * from.dy_slope_d[at] + per_pixel[at] * from.slope_d[at];
    }
  }
  add_finish_lanes(sums);
  if (threadIdx.y != 0 || c >= e.channels) return;
  const float rstd = norm.rstd[c], sum_dh = sums[0], sum_dh_xhat = sums[1] * rstd;
  const float scale = norm.gamma[c] * rstd, count = static_cast<float>(e.samples * e.pixels);
  coefficients.slope[c] = -scale * rstd * sum_dh_xhat / count;
  coefficients.offset[c] = -scale * sum_dh / count;
  dgamma[c] = accumulate == 0 ? sum_dh_xhat : accumulate * dgamma[c] + sum_dh_xhat;
  dbias[c] = accumulate == 0 ? sum_dh : accumulate * dbias[c] + sum_dh;
}

template <class T, Activation kActivation, int n>
__global__ void __launch_bounds__(kImageBlock, 2)
    input_gradient_kernel(SampleWalk walk, const T* x, const T* dy, NormPointers pointers,
                          CoefficientPointers coefficients, const float* gate, const float* per_pixel,
                          T* dx) {
  const auto tile = sample_tile<n>(walk);
  if (!tile.has_channels) return;
  PixelStream<T, n, 2, kPixels> pixels(tile, walk, {x, dy});
  const Norm<n> norm(pointers, tile.channel);
  float slopes[n], offsets[n], gates[n], shifts[n];
  load_floats(coefficients.slope + tile.channel, slopes);
  load_floats(coefficients.offset + tile.channel, offsets);
  load_floats(gate + tile.at(walk.e), gates);
  load_floats(per_pixel + tile.at(walk.e), shifts);
  pixels.for_each([&](std::int64_t offset, const Pack<T, n>(&packs)[2]) {
    Pack<T, n> out;
#pragma unroll
    for (int j = 0; j < n; ++j) {
      const float d = to_float(packs[0].value[j]) - norm.mean[j];
      const float da = to_float(packs[1].value[j]) * gates[j] + shifts[j];
      const float dh = device::activation_gradient<kActivation>(norm.scale[j] * d + norm.bias[j], da);
      out.value[j] = from_float<T>(norm.scale[j] * dh + (slopes[j] * d + offsets[j]));
    }
    store_pack(dx + offset, out);
  });
}

// body<kActivation, n>() for packs of n channels.
template <class T, class Body>
void dispatch_backward(const GatedNormBackward<T>& a, const std::byte* memory, const Body& body) {
  dispatch_activation(a.activation, [&]<Activation kActivation> {
    dispatch_pack<T>(
        a.x.template extent<C>().value, [&]<int n> { body.template operator()<kActivation, n>(); },
        a.x.data(), a.dy.data(), a.dx.data(), a.mean.data(), a.rstd.data(), a.gamma.data(), a.bias.data(),
        a.gate.data(), memory);
  });
}

template <class T>
void take_sums(Cuda place, const GatedNormBackward<T>& a, std::byte* memory) {
  const BackwardMemory parts(a, memory);
  dispatch_backward(a, memory, [&]<Activation kActivation, int n> {
    const SampleWalk back = walk_that_adds(image_extents(a), n, SampleOrder::LastToFirst);
    launch("gated_norm sums", sum_kernel<T, kActivation, n>, sample_shape(kBackwardName, back), place, back,
           a.x.data(), a.dy.data(), norm_pointers(a), a.gate.data(), parts.sums, parts.gates.da);
  });
}

}  // namespace

template <class T>
void backward_from_sums(Cuda place, const GatedNormBackward<T>& a, std::byte* memory) {
  const BackwardMemory parts(a, memory);
  const GateGradients& gates = parts.gates;
  const ImageExtents e = image_extents(a);
  squeeze_excite_detail::compute_pixel_gradients(place, a, gates);
  launch("gated_norm finish", finish_kernel, finish_shape(e.channels), place, e, parts.sums, a.gate.data(),
         gates.per_pixel, norm_pointers(a), parts.coefficients, a.accumulate, a.dgamma.data(),
         a.dbias.data());
  dispatch_backward(a, memory, [&]<Activation kActivation, int n> {
    const SampleWalk forth = walk_that_maps(e, n, SampleOrder::FirstToLast);
    launch("gated_norm input gradient", input_gradient_kernel<T, kActivation, n>,
           sample_shape(kBackwardName, forth), place, forth, a.x.data(), a.dy.data(), norm_pointers(a),
           parts.coefficients, a.gate.data(), gates.per_pixel, a.dx.data());
  });
  squeeze_excite_detail::compute_weight_gradients(place, a, gates);
}

}  // namespace gated_norm_detail

template <class T>
void gated_norm(Cuda place, const GatedNormBackward<T>& a) {
  check(a);
  std::byte* const memory =
      workspace_as<std::byte>(gated_norm_detail::kBackwardName, a.workspace, workspace_bytes(place, a));
  gated_norm_detail::take_sums(place, a, memory);
  gated_norm_detail::backward_from_sums(place, a, memory);
}

template <class T>
std::size_t workspace_bytes(Cuda, const GatedNormBackward<T>& a) {
  return gated_norm_detail::BackwardMemory::bytes(a);
}

#define CF_INSTANTIATE(T)                                                                             \
  template void gated_norm_detail::backward_from_sums(Cuda, const GatedNormBackward<T>&, std::byte*); \
  template void gated_norm(Cuda, const GatedNormBackward<T>&);                                        \
  template std::size_t workspace_bytes(Cuda, const GatedNormBackward<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

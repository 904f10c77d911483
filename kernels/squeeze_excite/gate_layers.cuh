// The two layers of squeeze-and-excitation at place Cuda, between what a kernel sums over the pixels and what
// it multiplies them with. Args: SqueezeExciteForward or SqueezeExciteBackward, or what has the same members.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/base/view.h"
#include "kernels/squeeze_excite/gate_products.cuh"
#include "kernels/squeeze_excite/sample_outer_product.h"

namespace cf::kernels::squeeze_excite_detail {

struct WriteSqueezed {
  const float* bias;
  float* squeezed;
  int squeezed_channels;
  __device__ void operator()(std::int64_t n, int d, float sum) const {
    const float value = sum + bias[d];
    squeezed[n * squeezed_channels + d] = value > 0 ? value : 0.0F;
  }
};

struct WriteGate {
  const float* bias;
  float* gate;
  int channels;
  __device__ void operator()(std::int64_t n, int c, float sum) const {
    gate[n * channels + c] = 1 / (1 + expf(-(sum + bias[c])));
  }
};

struct WriteSqueezedGradient {
  const float* squeezed;
  float* ds;
  int squeezed_channels;
  __device__ void operator()(std::int64_t n, int d, float sum) const {
    const std::int64_t at = n * squeezed_channels + d;
    ds[at] = squeezed[at] > 0 ? sum : 0.0F;
  }
};

// What each pixel of dx gets through pooled.
struct WritePixelGradient {
  float pixels;
  float* per_pixel;
  int channels;
  __device__ void operator()(std::int64_t n, int c, float sum) const {
    per_pixel[n * channels + c] = sum / pixels;
  }
};

struct GateExtents {
  std::int64_t samples, pixels;  // of one sample
  int channels, squeezed;

  template <class Args>
  explicit GateExtents(const Args& a)
      : samples(a.x.template extent<N>().value),
        pixels(a.x.template extent<H>().value * a.x.template extent<W>().value),
        channels(static_cast<int>(a.x.template extent<C>().value)),
        squeezed(static_cast<int>(a.squeezed.template extent<D>().value)) {}
};

// From pooled to squeezed and gate.
template <class Args>
void compute_gates(Cuda place, const Args& a) {
  const GateExtents e(a);
  multiply_rows("squeeze_excite squeeze", place, e.samples, e.channels, e.squeezed, a.reduce_weight.data(),
                a.pooled.data(), WriteSqueezed{a.reduce_bias.data(), a.squeezed.data(), e.squeezed});
  multiply_rows("squeeze_excite gate", place, e.samples, e.squeezed, e.channels, a.expand_weight.data(),
                a.squeezed.data(), WriteGate{a.expand_bias.data(), a.gate.data(), e.channels});
}

// What the layers need of a workspace backward.
struct GateGradients {
  float* da;         // [N,C]: of the gate's argument, given
  float* per_pixel;  // [N,C]: of every pixel through pooled, overwritten
  float* ds;         // [N,D]: of the squeezed value's argument, overwritten

  static std::size_t channel_bytes(const GateExtents& e) {
    return padded_bytes(static_cast<std::size_t>(e.samples * e.channels) * sizeof(float));
  }
  static std::size_t bytes(const GateExtents& e) {
    return 2 * channel_bytes(e) +
           padded_bytes(static_cast<std::size_t>(e.samples * e.squeezed) * sizeof(float));
  }
  GateGradients(const GateExtents& e, std::byte* memory)
      : da(reinterpret_cast<float*>(memory)),
        per_pixel(reinterpret_cast<float*>(memory + channel_bytes(e))),
        ds(reinterpret_cast<float*>(memory + 2 * channel_bytes(e))) {}
};

template <class Args>
void compute_pixel_gradients(Cuda place, const Args& a, const GateGradients& gradients) {
  const GateExtents e(a);
  multiply_columns("squeeze_excite squeezed gradient", place, e.samples, e.channels, e.squeezed,
                   a.expand_weight.data(), gradients.da,
                   WriteSqueezedGradient{a.squeezed.data(), gradients.ds, e.squeezed});
  multiply_columns("squeeze_excite pixel gradient", place, e.samples, e.squeezed, e.channels,
                   a.reduce_weight.data(), gradients.ds,
                   WritePixelGradient{static_cast<float>(e.pixels), gradients.per_pixel, e.channels});
}

template <class Args>
void compute_weight_gradients(Cuda place, const Args& a, const GateGradients& gradients) {
  const GateExtents e(a);
  add_layer_gradients(
      "squeeze_excite weight gradients", place, e.samples,
      {e.channels, e.squeezed, gradients.da, a.squeezed.data(), a.dexpand_weight.data(),
       a.dexpand_bias.data()},
      {e.squeezed, e.channels, gradients.ds, a.pooled.data(), a.dreduce_weight.data(), a.dreduce_bias.data()},
      a.accumulate);
}

}  // namespace cf::kernels::squeeze_excite_detail

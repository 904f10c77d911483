#include <algorithm>
#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/channels_last.cuh"
#include "kernels/squeeze_excite/gate_products.cuh"
#include "kernels/squeeze_excite/sample_outer_product.cuh"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "kernels/squeeze_excite/squeeze_excite_check.h"

namespace cf::kernels {

namespace {

using squeeze_excite_detail::add_layer_gradients;
using squeeze_excite_detail::multiply_columns;
using squeeze_excite_detail::multiply_rows;

template <class T, int V>
struct ImageValue {
  const T* x;
  __device__ void operator()(std::int64_t offset, float (&value)[V]) const { load_floats(x + offset, value); }
};

struct WriteMean {
  float* pooled;
  float pixels;
  __device__ void operator()(std::int64_t at, float sum) const { pooled[at] = sum / pixels; }
};

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

template <class T, int V>
struct ApplyGate {
  const T* x;
  const float* gate;
  T* y;
  __device__ void operator()(std::int64_t offset, std::int64_t at) const {
    float value[V], factor[V];
    load_floats(x + offset, value);
    load_floats(gate + at, factor);
#pragma unroll
    for (int i = 0; i < V; ++i) value[i] *= factor[i];
    store_floats(y + offset, value);
  }
};

template <class T, int V>
struct ProductValue {
  const T *x, *dy;
  __device__ void operator()(std::int64_t offset, float (&value)[V]) const {
    float other[V];
    load_floats(x + offset, value);
    load_floats(dy + offset, other);
#pragma unroll
    for (int i = 0; i < V; ++i) value[i] *= other[i];
  }
};

struct WriteGateGradient {
  const float* gate;
  float* da;
  __device__ void operator()(std::int64_t at, float sum) const { da[at] = sum * gate[at] * (1 - gate[at]); }
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

template <class T, int V>
struct ImageGradient {
  const T* dy;  // may be dx
  const float *gate, *per_pixel;
  T* dx;
  __device__ void operator()(std::int64_t offset, std::int64_t at) const {
    float value[V], factor[V], shift[V];
    load_floats(dy + offset, value);
    load_floats(gate + at, factor);
    load_floats(per_pixel + at, shift);
#pragma unroll
    for (int i = 0; i < V; ++i) value[i] = value[i] * factor[i] + shift[i];
    store_floats(dx + offset, value);
  }
};

template <class Args>
ImageExtents extents_of(const Args& a) {
  return {a.x.template extent<N>().value, a.x.template extent<H>().value * a.x.template extent<W>().value,
          a.x.template extent<C>().value};
}

template <class Args>
int squeezed_channels(const Args& a) {
  return static_cast<int>(a.squeezed.template extent<D>().value);
}

// What backward keeps in its workspace.
struct BackwardPlan {
  std::size_t channel_bytes, squeezed_bytes;  // of values [N,C], [N,D]

  template <class T>
  explicit BackwardPlan(const SqueezeExciteBackward<T>& a)
      : channel_bytes(padded_bytes(static_cast<std::size_t>(a.gate.size()) * sizeof(float))),
        squeezed_bytes(padded_bytes(static_cast<std::size_t>(a.squeezed.size()) * sizeof(float))) {}
  std::size_t bytes() const { return 2 * channel_bytes + squeezed_bytes; }
};

}  // namespace

template <class T>
void squeeze_excite(Cuda place, const SqueezeExciteForward<T>& a) {
  check(a);
  const ImageExtents e = extents_of(a);
  const int squeezed = squeezed_channels(a), channels = static_cast<int>(e.channels);
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        sum_pixels<V>("squeeze_excite pool", place, e, ImageValue<T, V>{a.x.data()},
                      WriteMean{a.pooled.data(), static_cast<float>(e.pixels)});
        multiply_rows("squeeze_excite squeeze", place, e.samples, channels, squeezed, a.reduce_weight.data(),
                      a.pooled.data(), WriteSqueezed{a.reduce_bias.data(), a.squeezed.data(), squeezed});
        multiply_rows("squeeze_excite gate", place, e.samples, squeezed, channels, a.expand_weight.data(),
                      a.squeezed.data(), WriteGate{a.expand_bias.data(), a.gate.data(), channels});
        for_each_pack<V>("squeeze_excite apply", place, e,
                         ApplyGate<T, V>{a.x.data(), a.gate.data(), a.y.data()});
      },
      a.x.data(), a.gate.data(), a.y.data());
}

template <class T>
void squeeze_excite(Cuda place, const SqueezeExciteBackward<T>& a) {
  check(a);
  const ImageExtents e = extents_of(a);
  const int squeezed = squeezed_channels(a), channels = static_cast<int>(e.channels);
  const BackwardPlan plan(a);
  std::byte* workspace = workspace_as<std::byte>("squeeze_excite backward", a.workspace, plan.bytes());
  auto* const da = reinterpret_cast<float*>(workspace);
  auto* const per_pixel = reinterpret_cast<float*>(workspace + plan.channel_bytes);
  auto* const ds = reinterpret_cast<float*>(workspace + 2 * plan.channel_bytes);
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        sum_pixels<V>("squeeze_excite gate gradient", place, e, ProductValue<T, V>{a.x.data(), a.dy.data()},
                      WriteGateGradient{a.gate.data(), da});
        multiply_columns("squeeze_excite squeezed gradient", place, e.samples, channels, squeezed,
                         a.expand_weight.data(), da, WriteSqueezedGradient{a.squeezed.data(), ds, squeezed});
        multiply_columns("squeeze_excite pixel gradient", place, e.samples, squeezed, channels,
                         a.reduce_weight.data(), ds,
                         WritePixelGradient{static_cast<float>(e.pixels), per_pixel, channels});
        for_each_pack<V>("squeeze_excite image gradient", place, e,
                         ImageGradient<T, V>{a.dy.data(), a.gate.data(), per_pixel, a.dx.data()});
      },
      a.x.data(), a.dy.data(), a.gate.data(), a.dx.data());
  add_layer_gradients(
      "squeeze_excite weight gradients", place, e.samples,
      {channels, squeezed, da, a.squeezed.data(), a.dexpand_weight.data(), a.dexpand_bias.data()},
      {squeezed, channels, ds, a.pooled.data(), a.dreduce_weight.data(), a.dreduce_bias.data()},
      a.accumulate);
}

template <class T>
std::size_t workspace_bytes(Cuda, const SqueezeExciteBackward<T>& a) {
  return BackwardPlan(a).bytes();
}

#define CF_INSTANTIATE(T)                                              \
  template void squeeze_excite(Cuda, const SqueezeExciteForward<T>&);  \
  template void squeeze_excite(Cuda, const SqueezeExciteBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const SqueezeExciteBackward<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

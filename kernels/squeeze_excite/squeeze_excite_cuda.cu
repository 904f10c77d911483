#include <algorithm>
#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/channels_last.cuh"
#include "kernels/squeeze_excite/gate_layers.cuh"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "kernels/squeeze_excite/squeeze_excite_check.h"

namespace cf::kernels {

namespace {

using squeeze_excite_detail::compute_gates;
using squeeze_excite_detail::compute_pixel_gradients;
using squeeze_excite_detail::compute_weight_gradients;
using squeeze_excite_detail::GateExtents;
using squeeze_excite_detail::GateGradients;

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
  const GateExtents e(a);
  return {e.samples, e.pixels, e.channels};
}

}  // namespace

template <class T>
void squeeze_excite(Cuda place, const SqueezeExciteForward<T>& a) {
  check(a);
  const ImageExtents e = extents_of(a);
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        sum_pixels<V>("squeeze_excite pool", place, e, ImageValue<T, V>{a.x.data()},
                      WriteMean{a.pooled.data(), static_cast<float>(e.pixels)});
        compute_gates(place, a);
        if (!a.y) return;
        for_each_pack<V>("squeeze_excite apply", place, e,
                         ApplyGate<T, V>{a.x.data(), a.gate.data(), a.y.data()});
      },
      a.x.data(), a.gate.data(), a.y.data());
}

template <class T>
void squeeze_excite(Cuda place, const SqueezeExciteBackward<T>& a) {
  check(a);
  const ImageExtents e = extents_of(a);
  const GateGradients gradients(
      GateExtents(a),
      workspace_as<std::byte>("squeeze_excite backward", a.workspace, workspace_bytes(place, a)));
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        sum_pixels<V>("squeeze_excite gate gradient", place, e, ProductValue<T, V>{a.x.data(), a.dy.data()},
                      WriteGateGradient{a.gate.data(), gradients.da});
        compute_pixel_gradients(place, a, gradients);
        for_each_pack<V>("squeeze_excite image gradient", place, e,
                         ImageGradient<T, V>{a.dy.data(), a.gate.data(), gradients.per_pixel, a.dx.data()});
      },
      a.x.data(), a.dy.data(), a.gate.data(), a.dx.data());
  compute_weight_gradients(place, a, gradients);
}

template <class T>
std::size_t workspace_bytes(Cuda, const SqueezeExciteBackward<T>& a) {
  return GateGradients::bytes(GateExtents(a));
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

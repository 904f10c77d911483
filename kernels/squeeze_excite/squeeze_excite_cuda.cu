#include <algorithm>
#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/channels_last.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "kernels/squeeze_excite/squeeze_excite_check.h"

namespace cf::kernels {

namespace {

constexpr int kBlock = 256;

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

// Block n computes squeezed[n] (a warp for each value) and gate[n] (a thread for each). Shared: pooled[n],
// then squeezed[n].
template <class T>
__global__ void gate_kernel(int channels, int squeezed_channels, const T* reduce_weight,
                            const float* reduce_bias, const T* expand_weight, const float* expand_bias,
                            const float* pooled, float* squeezed, float* gate) {
  extern __shared__ float shared_pooled[];
  float* const shared_squeezed = shared_pooled + channels;
  const std::int64_t n = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  for (int c = thread; c < channels; c += kBlock) shared_pooled[c] = pooled[n * channels + c];
  __syncthreads();
  for (int d = thread / 32; d < squeezed_channels; d += kBlock / 32) {
    const T* const weight = reduce_weight + std::int64_t{d} * channels;
    float sum = 0;
    for (int c = lane; c < channels; c += 32) sum += to_float(weight[c]) * shared_pooled[c];
    sum = warp_sum(sum) + reduce_bias[d];
    const float value = sum > 0 ? sum : 0.0F;
    if (lane == 0) {
      shared_squeezed[d] = value;
      squeezed[n * squeezed_channels + d] = value;
    }
  }
  __syncthreads();
  for (int c = thread; c < channels; c += kBlock) {
    const T* const weight = expand_weight + std::int64_t{c} * squeezed_channels;
    float sum = expand_bias[c];
    for (int d = 0; d < squeezed_channels; ++d) sum += to_float(weight[d]) * shared_squeezed[d];
    gate[n * channels + c] = 1 / (1 + expf(-sum));
  }
}

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

// Block n computes ds[n] (a warp for each value) and per_pixel[n], what each pixel of dx gets through pooled.
// Shared: da[n], then ds[n].
template <class T>
__global__ void gate_gradient_kernel(int channels, int squeezed_channels, float pixels,
                                     const T* reduce_weight, const T* expand_weight, const float* squeezed,
                                     const float* da, float* ds, float* per_pixel) {
  extern __shared__ float shared_da[];
  float* const shared_ds = shared_da + channels;
  const std::int64_t n = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  for (int c = thread; c < channels; c += kBlock) shared_da[c] = da[n * channels + c];
  __syncthreads();
  for (int d = thread / 32; d < squeezed_channels; d += kBlock / 32) {
    float sum = 0;
    for (int c = lane; c < channels; c += 32) {
      sum += shared_da[c] * to_float(expand_weight[std::int64_t{c} * squeezed_channels + d]);
    }
    sum = warp_sum(sum);
    if (lane == 0) {
      const std::int64_t at = n * squeezed_channels + d;
      ds[at] = shared_ds[d] = squeezed[at] > 0 ? sum : 0.0F;
    }
  }
  __syncthreads();
  for (int c = thread; c < channels; c += kBlock) {
    float sum = 0;
    for (int d = 0; d < squeezed_channels; ++d) {
      sum += shared_ds[d] * to_float(reduce_weight[std::int64_t{d} * channels + c]);
    }
    per_pixel[n * channels + c] = sum / pixels;
  }
}

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

// Gradients of a weight [rows, columns] and its bias [rows]: sums over the samples, in order, of
// doutput[n, row] input[n, column] and of doutput[n, row]. One thread for each; the bias is one more column.
__global__ void weight_gradient_kernel(std::int64_t samples, int rows, int columns, const float* doutput,
                                       const float* input, float accumulate, float* dweight, float* dbias) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int row = i / (columns + 1), column = i % (columns + 1);
  if (row >= rows) return;
  float sum = 0;
#pragma unroll 4
  for (std::int64_t n = 0; n < samples; ++n) {
    sum += doutput[n * rows + row] * (column < columns ? input[n * columns + column] : 1.0F);
  }
  float& gradient = column < columns ? dweight[std::int64_t{row} * columns + column] : dbias[row];
  gradient = accumulate == 0 ? sum : accumulate * gradient + sum;
}

template <class Args>
ImageExtents extents_of(const Args& a) {
  return {a.x.template extent<N>().value, a.x.template extent<H>().value * a.x.template extent<W>().value,
          a.x.template extent<C>().value};
}

template <class Args>
int squeezed_channels(const Args& a) {
  return static_cast<int>(a.squeezed.template extent<D>().value);
}

// A block for each sample, with the values of its channels and squeezed channels in shared memory.
LaunchShape shape_for_samples(const ImageExtents& e, int squeezed) {
  return {.grid = static_cast<unsigned>(e.samples),
          .block = kBlock,
          .shared_bytes = sizeof(float) * static_cast<std::size_t>(e.channels + squeezed)};
}

void sum_weight_gradients(Cuda place, std::int64_t samples, int rows, int columns, const float* doutput,
                          const float* input, float accumulate, float* dweight, float* dbias) {
  const std::int64_t items = std::int64_t{rows} * (columns + 1);
  launch("squeeze_excite weight gradient", weight_gradient_kernel,
         {.grid = static_cast<unsigned>((items + kBlock - 1) / kBlock), .block = kBlock}, place, samples,
         rows, columns, doutput, input, accumulate, dweight, dbias);
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
  const int squeezed = squeezed_channels(a);
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        sum_pixels<V>("squeeze_excite pool", place, e, ImageValue<T, V>{a.x.data()},
                      WriteMean{a.pooled.data(), static_cast<float>(e.pixels)});
        launch("squeeze_excite gate", gate_kernel<T>, shape_for_samples(e, squeezed), place, e.channels,
               squeezed, a.reduce_weight.data(), a.reduce_bias.data(), a.expand_weight.data(),
               a.expand_bias.data(), a.pooled.data(), a.squeezed.data(), a.gate.data());
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
        launch("squeeze_excite squeezed gradient", gate_gradient_kernel<T>, shape_for_samples(e, squeezed),
               place, channels, squeezed, static_cast<float>(e.pixels), a.reduce_weight.data(),
               a.expand_weight.data(), a.squeezed.data(), da, ds, per_pixel);
        for_each_pack<V>("squeeze_excite image gradient", place, e,
                         ImageGradient<T, V>{a.dy.data(), a.gate.data(), per_pixel, a.dx.data()});
      },
      a.x.data(), a.dy.data(), a.gate.data(), a.dx.data());
  sum_weight_gradients(place, e.samples, channels, squeezed, da, a.squeezed.data(), a.accumulate,
                       a.dexpand_weight.data(), a.dexpand_bias.data());
  sum_weight_gradients(place, e.samples, squeezed, channels, ds, a.pooled.data(), a.accumulate,
                       a.dreduce_weight.data(), a.dreduce_bias.data());
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

#include <cstdint>

#include "kernels/base/channels_last.cuh"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/global_average_pool/global_average_pool_check.h"

namespace cf::kernels {

namespace {

template <class T, int V>
struct ImageValue {
  const T* x;
  __device__ void operator()(std::int64_t offset, float (&value)[V]) const { load_floats(x + offset, value); }
};

template <class T>
struct WriteMean {
  T* y;
  float pixels;
  __device__ void operator()(std::int64_t at, float sum) const { y[at] = from_float<T>(sum / pixels); }
};

template <class T, int V>
struct SpreadGradient {
  const T* dy;
  T* dx;
  float pixels;
  __device__ void operator()(std::int64_t offset, std::int64_t at) const {
    float value[V];
    load_floats(dy + at, value);
#pragma unroll
    for (float& v : value) v /= pixels;
    store_floats(dx + offset, value);
  }
};

template <class Image>
ImageExtents extents_of(const Image& x) {
  return {x.template extent<N>().value, x.template extent<H>().value * x.template extent<W>().value,
          x.template extent<C>().value};
}

}  // namespace

template <class T>
void global_average_pool(Cuda place, const GlobalAveragePoolForward<T>& a) {
  check(a);
  const ImageExtents e = extents_of(a.x);
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        sum_pixels<V>("global_average_pool forward", place, e, ImageValue<T, V>{a.x.data()},
                      WriteMean<T>{a.y.data(), static_cast<float>(e.pixels)});
      },
      a.x.data());
}

template <class T>
void global_average_pool(Cuda place, const GlobalAveragePoolBackward<T>& a) {
  check(a);
  const ImageExtents e = extents_of(a.dx);
  dispatch_pack<T>(
      e.channels,
      [&]<int V>() {
        for_each_pack<V>("global_average_pool backward", place, e,
                         SpreadGradient<T, V>{a.dy.data(), a.dx.data(), static_cast<float>(e.pixels)});
      },
      a.dy.data(), a.dx.data());
}

#define CF_INSTANTIATE(T)                                                      \
  template void global_average_pool(Cuda, const GlobalAveragePoolForward<T>&); \
  template void global_average_pool(Cuda, const GlobalAveragePoolBackward<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

#include <cstdint>

#include "kernels/base/channels_last.cuh"
#include "kernels/normalize_image/normalize_image.h"
#include "kernels/normalize_image/normalize_image_check.h"

namespace cf::kernels {

namespace {

constexpr int kBlock = 256, kElements = 8;  // of a thread at a time

// y = x scale[c] + shift[c], with both in shared memory: 2 channels floats.
template <class T>
__global__ void normalize_image_kernel(const std::uint8_t* x, const float* mean, const float* deviation,
                                       std::int64_t elements, int channels, bool aligned, T* y) {
  extern __shared__ float scale[];
  float* const shift = scale + channels;
  for (int c = static_cast<int>(threadIdx.x); c < channels; c += kBlock) {
    scale[c] = 1.0F / (255.0F * deviation[c]);
    shift[c] = -mean[c] / deviation[c];
  }
  __syncthreads();
  const std::int64_t stride = std::int64_t{gridDim.x} * kBlock * kElements;
  for (std::int64_t i = (std::int64_t{blockIdx.x} * kBlock + threadIdx.x) * kElements; i < elements;
       i += stride) {
    auto c = static_cast<int>(i % channels);
    const auto next = [&](std::uint8_t byte) {
      const float value = static_cast<float>(byte) * scale[c] + shift[c];
      c = c + 1 == channels ? 0 : c + 1;
      return value;
    };
    if (aligned && i + kElements <= elements) {
      const auto bytes = load_pack<std::uint8_t, kElements>(x + i);
      float value[kElements];
#pragma unroll
      for (int j = 0; j < kElements; ++j) value[j] = next(bytes.value[j]);
      store_floats(y + i, value);
    } else {
      for (std::int64_t j = i; j < i + kElements && j < elements; ++j) y[j] = from_float<T>(next(x[j]));
    }
  }
}

}  // namespace

template <class T>
void normalize_image(Cuda place, const NormalizeImage<T>& a) {
  check(a);
  const auto channels = static_cast<int>(a.x.template extent<C>().value);
  const bool aligned = aligned_to(kElements, a.x.data()) && aligned_to(16, a.y.data());
  launch("normalize_image", normalize_image_kernel<T>,
         {.grid = grid_for((a.x.size() + kElements - 1) / kElements, kBlock),
          .block = kBlock,
          .shared_bytes = 2 * sizeof(float) * static_cast<std::size_t>(channels)},
         place, a.x.data(), a.mean.data(), a.deviation.data(), a.x.size(), channels, aligned, a.y.data());
}

template void normalize_image(Cuda, const NormalizeImage<float>&);
template void normalize_image(Cuda, const NormalizeImage<Half>&);
template void normalize_image(Cuda, const NormalizeImage<BFloat16>&);

}  // namespace cf::kernels

// A block for each group: a thread takes one output channel at some of the pixels.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"

namespace cf::kernels {

namespace {

constexpr int kLanes = 32;  // pixels at a time
constexpr int kThreads = kLanes * kGroupWidth;
constexpr int kTaps = 9;

struct Image {
  int height, width, channels;
  std::int64_t pixels;       // of the kept samples
  const std::int64_t* kept;  // null: all are
};

// One output channel at one pixel; `x` and `filter` point at its group.
template <class T>
__device__ float convolve(const T* x, const T* filter, const Image& image, std::int64_t pixel) {
  const std::int64_t line = pixel / image.width, sample = line / image.height;
  if (image.kept != nullptr) {
    x += (image.kept[sample] - sample) * image.height * image.width * image.channels;
  }
  const int row = static_cast<int>(line % image.height), column = static_cast<int>(pixel % image.width);
  float sum = 0;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    const int dr = tap / 3 - 1, ds = tap % 3 - 1;
    const bool inside =
        row + dr >= 0 && row + dr < image.height && column + ds >= 0 && column + ds < image.width;
    // Outside any pixel will do: without branches, all loads are on their way at a time.
    const T* in = x + (inside ? pixel + dr * image.width + ds : pixel) * image.channels;
    float value[kGroupWidth], weight[kGroupWidth];
    load_floats(in, value);
    load_floats(filter + tap * kGroupWidth, weight);
    float product = 0;
#pragma unroll
    for (int c = 0; c < kGroupWidth; ++c) product += value[c] * weight[c];
    sum += inside ? product : 0;
  }
  return sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    centre_kernel(const T* x, const T* weight, Image image, float* bias) {
  __shared__ float sums[kLanes][kGroupWidth];
  const int k = static_cast<int>(threadIdx.x) % kGroupWidth,
            lane = static_cast<int>(threadIdx.x) / kGroupWidth;
  const int first_channel = static_cast<int>(blockIdx.x) * kGroupWidth;
  const T* filter = weight + std::int64_t{first_channel + k} * kTaps * kGroupWidth;
  const std::int64_t count = min(image.pixels, kCentrePixels);
  float sum = 0;
  for (std::int64_t i = lane; i < count; i += kLanes) {
    sum += convolve(x + first_channel, filter, image, centre_pixel(i, image.pixels));
  }
  sums[lane][k] = sum;
  __syncthreads();
  if (lane != 0) return;
  for (int other = 1; other < kLanes; ++other) sum += sums[other][k];
  bias[first_channel + k] = -sum / static_cast<float>(count);
}

}  // namespace

template <class T>
void grouped_conv(Cuda place, const GroupedConvCentre<T>& a) {
  check(a);
  CF_CHECK(aligned_to(16, a.x.data(), a.weight.data()),
           "grouped_conv centre: x and weight must be aligned to 16 bytes");
  const auto e = a.x.extents();
  const Image image{static_cast<int>(e[1]), static_cast<int>(e[2]), static_cast<int>(e[3]),
                    (a.kept ? a.kept.size() : e[0]) * e[1] * e[2], a.kept ? a.kept.data() : nullptr};
  launch("grouped_conv centre", centre_kernel<T>,
         {.grid = static_cast<unsigned>(e[3] / kGroupWidth), .block = kThreads}, place, a.x.data(),
         a.weight.data(), image, a.bias.data());
}

#define CF_INSTANTIATE(T) template void grouped_conv(Cuda, const GroupedConvCentre<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

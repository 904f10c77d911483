// A block for each group: a thread takes one output channel at one pixel, so that all loads are on their way
// at a time.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"

namespace cf::kernels {

namespace {

constexpr int kThreads = static_cast<int>(kCentrePixels) * kGroupWidth;
constexpr int kWarps = kThreads / 32, kPixelsOfWarp = 32 / kGroupWidth;
constexpr int kTaps = 9;

struct Image {
  int height, width, channels;
  std::uint32_t pixels;      // of the kept samples
  const std::int64_t* kept;  // null: all are
};

// One output channel at one pixel; `x` and `filter` point at its group.
template <class T>
__device__ float convolve(const T* x, const T* filter, const Image& image, std::uint32_t pixel) {
  const auto height = static_cast<std::uint32_t>(image.height),
             width = static_cast<std::uint32_t>(image.width);
  const std::uint32_t line = pixel / width, sample = line / height;
  const int row = static_cast<int>(line - sample * height), column = static_cast<int>(pixel - line * width);
  if (image.kept != nullptr) {
    x += (image.kept[sample] - sample) * image.height * image.width * image.channels;
  }
  float sum = 0;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    const int dr = tap / 3 - 1, ds = tap % 3 - 1;
    const bool inside =
        row + dr >= 0 && row + dr < image.height && column + ds >= 0 && column + ds < image.width;
    // Outside any pixel will do: without branches, all loads are on their way at a time.
    const T* in = x + (std::int64_t{pixel} + (inside ? dr * image.width + ds : 0)) * image.channels;
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
  __shared__ float sums[kWarps][kGroupWidth];
  const int thread = static_cast<int>(threadIdx.x), k = thread % kGroupWidth, i = thread / kGroupWidth;
  const int first_channel = static_cast<int>(blockIdx.x) * kGroupWidth;
  const T* filter = weight + std::int64_t{first_channel + k} * kTaps * kGroupWidth;
  const int count = static_cast<int>(min(static_cast<std::int64_t>(image.pixels), kCentrePixels));
  float sum = 0;
  if (i < count) {
    const auto pixel = static_cast<std::uint32_t>(centre_pixel(i, image.pixels));
    sum = convolve(x + first_channel, filter, image, pixel);
  }
#pragma unroll
  for (int pixels = 1; pixels < kPixelsOfWarp; pixels *= 2) {
    sum += __shfl_xor_sync(0xffffffffU, sum, pixels * kGroupWidth);
  }
  if (i % kPixelsOfWarp == 0) sums[i / kPixelsOfWarp][k] = sum;
  __syncthreads();
  if (i != 0) return;
  sum = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) sum += sums[warp][k];
  bias[first_channel + k] = -sum / static_cast<float>(count);
}

}  // namespace

template <class T>
void grouped_conv(Cuda place, const GroupedConvCentre<T>& a) {
  check(a);
  CF_CHECK(aligned_to(16, a.x.data(), a.weight.data()),
           "grouped_conv centre: x and weight must be aligned to 16 bytes");
  const auto e = a.x.extents();
  const std::int64_t pixels = (a.kept ? a.kept.size() : e[0]) * e[1] * e[2];
  CF_CHECK(pixels < std::int64_t{1} << 32, "grouped_conv centre: ", pixels,
           " pixels are too many for the GPU");
  const Image image{static_cast<int>(e[1]), static_cast<int>(e[2]), static_cast<int>(e[3]),
                    static_cast<std::uint32_t>(pixels), a.kept ? a.kept.data() : nullptr};
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

// Over which tiles a block of gated_linear backward walks, and what a lane sums in them.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "kernels/base/mma.cuh"
#include "kernels/gated_norm/gated_norm_backward.cuh"

namespace cf::kernels::gated_linear_detail {

using gated_norm_detail::NormPointers;

// The tiles of a block, the last one first: who reads da next begins with the first samples, still in the L2
// cache.
struct TileWalk {
  int sample, pixel, last_pixel, samples_at_a_time;

  __device__ __forceinline__ explicit TileWalk(int samples, int pixels, int rows)
      : sample(samples - 1 - static_cast<int>(blockIdx.y)),
        pixel((pixels - 1) / rows * rows),
        last_pixel(pixel),
        samples_at_a_time(static_cast<int>(gridDim.y)) {}

  __device__ __forceinline__ bool ends() const { return sample < 0; }
  __device__ __forceinline__ bool begins_sample() const { return pixel == last_pixel; }
  __device__ __forceinline__ bool ends_sample() const { return pixel == 0; }
  __device__ __forceinline__ void advance(int rows) {
    if (!ends_sample()) {
      pixel -= rows;
    } else {
      pixel = last_pixel;
      sample -= samples_at_a_time;
    }
  }
};

// Of a channel over some pixels of a sample, of those where the activation has a slope.
struct ChannelSums {
  float da, da_u, u, pixels;
};

struct ChannelNorm {
  float mean, scale, bias;

  __device__ __forceinline__ ChannelNorm(const NormPointers& norm, int channel)
      : mean(norm.mean[channel]), scale(norm.gamma[channel] * norm.rstd[channel]), bias(norm.bias[channel]) {}
};

// For which u of a channel the activation has a slope: those above a threshold, once their sign is flipped
// where the norm's scale is negative.
template <class T>
struct ChannelSlope {
  std::uint32_t threshold, flip;  // of two pixels

  __device__ __forceinline__ ChannelSlope(const ChannelNorm& norm, bool rectifies) {
    const float kNan = __int_as_float(0x7fffffff), kInfinity = __int_as_float(0x7f800000);
    float above = kNan;  // nothing is not above it
    if (rectifies) {
      above = norm.mean - norm.bias / norm.scale;
      if (norm.scale < 0) above = -above;
      if (norm.scale == 0) above = norm.bias <= 0 ? kInfinity : -kInfinity;
    }
    threshold = rounded_down(above) * 0x10001;
    flip = rectifies && norm.scale < 0 ? 0x80008000 : 0;
  }

  // u > x where x is a T is u > the largest T up to x.
  static __device__ __forceinline__ std::uint32_t rounded_down(float x) {
    if constexpr (std::is_same_v<T, Half>) {
      return __half_as_ushort(__float2half_rd(x));
    } else {
      return __bfloat16_as_ushort(__float2bfloat16_rd(x));
    }
  }

  // All bits of each of two pixels that have a slope; NaN has one.
  __device__ __forceinline__ std::uint32_t mask(std::uint32_t u) const {
    std::uint32_t bits;
    if constexpr (std::is_same_v<T, Half>) {
      asm("set.gtu.u32.f16x2 %0, %1, %2;" : "=r"(bits) : "r"(u ^ flip), "r"(threshold));
    } else {
      asm("set.gtu.u32.bf16x2 %0, %1, %2;" : "=r"(bits) : "r"(u ^ flip), "r"(threshold));
    }
    return bits;
  }
};

// Of a warp's 16 channels, by the tensor cores: sums over pixels are products with ones, and what two images
// have in common is the diagonal of the product of one with the other's transpose. A lane's registers of two
// images of 16 channels by 8 pixels are the factors: channels lane / 4 and 8 more of pixels 2 (lane % 4) and
// the next.
template <class T>
struct TileSums {
  float da[4] = {}, u[4] = {}, pixels[4] = {};  // each column the same
  float da_u[2][4] = {};                        // of the upper 8 channels, the lower 8

  static constexpr std::uint32_t kOne = std::is_same_v<T, Half> ? 0x3c003c00 : 0x3f803f80;

  // 16 pixels, masked.
  __device__ __forceinline__ void add(const MatrixA& das, const MatrixA& us, const MatrixA& ones) {
    multiply_add<T>(da, das, kOne, kOne);
    multiply_add<T>(u, us, kOne, kOne);
    multiply_add<T>(pixels, ones, kOne, kOne);
    multiply_add<T>(da_u[0], das, us.upper_left, us.upper_right);
    multiply_add<T>(da_u[1], das, us.lower_left, us.lower_right);
  }

  // What lanes have of channel lane / 4 and, half = 1, 8 more; in all of its four lanes.
  __device__ __forceinline__ ChannelSums of_channel(int half) const {
    const int row = static_cast<int>(threadIdx.x) % 32 / 4, owner = row * 4 + row / 2;
    const float even = __shfl_sync(0xffffffffU, da_u[half][2 * half], owner),
                odd = __shfl_sync(0xffffffffU, da_u[half][2 * half + 1], owner);
    return {da[2 * half], row % 2 == 0 ? even : odd, u[2 * half], pixels[2 * half]};
  }
};

}  // namespace cf::kernels::gated_linear_detail

// exp in float without branches or calls, so that loops over it vectorise.
#pragma once

#include <bit>
#include <cstdint>

namespace cf {

// Within 2 ulp where the result is normal; 0 or infinity beyond the range of float; NaN stays NaN.
inline float exponential(float x) {
  x = x < -104.0F ? -104.0F : x;       // exp underflows to 0, also as the product of two powers of two below
  x = x > 89.0F ? 89.0F : x;           // overflows to infinity
  constexpr float kRound = 0x1.8p23F;  // adding it leaves the nearest integer in the low bits
  const float rounded = x * 0x1.715476p+0F + kRound;
  const float n = rounded - kRound;
  const std::int32_t exponent = std::bit_cast<std::int32_t>(rounded) - std::bit_cast<std::int32_t>(kRound);
  const float r = (x - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F;  // x - n log 2 with log 2 in two parts
  float p = 1.0F / 5040;                                         // Taylor: |r| < 0.35
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r * r + r + 1.0F;
  const std::int32_t half = exponent >> 1;  // 2^exponent itself may lie outside the range of float
  const float low = std::bit_cast<float>((half + 127) << 23);
  const float high = std::bit_cast<float>((exponent - half + 127) << 23);
  return p * low * high;
}

}  // namespace cf

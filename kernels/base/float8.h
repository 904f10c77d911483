// 8 floats as one value: GCC's vector extension, one AVX register where the processor has them.
#pragma once

#include <cstring>

namespace cf::kernels {

using Float8 = float __attribute__((vector_size(32)));

inline constexpr int kVectorWidth = 8;

// Of any address of a float: one instruction each where optimised.
inline Float8 load8(const float* p) {
  Float8 value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}
inline void store8(float* p, Float8 value) { std::memcpy(p, &value, sizeof(value)); }
inline Float8 broadcast8(float v) { return Float8{v, v, v, v, v, v, v, v}; }

}  // namespace cf::kernels

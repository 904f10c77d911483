// 8 floats as one value: GCC's vector extension, one AVX register where the processor has them.
#pragma once

namespace cf::kernels {

// At any address of a float.
using Float8 = float __attribute__((vector_size(32), aligned(4), may_alias));

inline constexpr int kVectorWidth = 8;

inline Float8 load8(const float* p) { return *reinterpret_cast<const Float8*>(p); }
inline void store8(float* p, Float8 value) { *reinterpret_cast<Float8*>(p) = value; }
inline Float8 broadcast8(float v) { return Float8{v, v, v, v, v, v, v, v}; }

}  // namespace cf::kernels

// Products of float32 on the tensor cores (compute capability 8.0): a value is the sum of two numbers of
// TF32, to within 2^-23 of itself. Infinity becomes NaN. All lanes of a warp must call what multiplies.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/base/device_types.cuh"

namespace cf::kernels::squeeze_excite_detail {

struct SplitFloat {
  std::uint32_t high, low;
};

__device__ inline std::uint32_t round_to_tf32(float value) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

__device__ inline SplitFloat split(float value) {
  const std::uint32_t high = round_to_tf32(value);
  return {high, round_to_tf32(value - __uint_as_float(high))};
}

// Values of T in 16 bits are numbers of TF32.
template <class T>
inline constexpr bool kFitsTf32 = !std::is_same_v<T, float>;

// What a lane holds, with g = lane / 4 and t = lane % 4, of a 16 x 8 matrix A, an 8 x 8 matrix B and their
// product (PTX ISA, "Matrix Fragments for mma.m16n8k8"):
//
//   A    row g and row g + 8 of column t, then of column t + 4
//   B    rows t and t + 4 of column g
//   sum  columns 2t and 2t + 1 of row g, then of row g + 8
using SplitA = SplitFloat[4];
using SplitB = SplitFloat[2];

enum class Part { High, Low };

template <Part part>
__device__ inline std::uint32_t take(const SplitFloat& value) {
  return part == Part::High ? value.high : value.low;
}

template <Part of_a, Part of_b>
__device__ inline void add_product(float (&sum)[4], const SplitA& a, const SplitB& b) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(take<of_a>(a[0])), "r"(take<of_a>(a[1])), "r"(take<of_a>(a[2])), "r"(take<of_a>(a[3])),
        "r"(take<of_b>(b[0])), "r"(take<of_b>(b[1])));
}

// sum += a b, rounded to nearest, which the tensor cores' own sums are not. T: what A was before it was
// split.
template <class T>
__device__ inline void add_product(float (&sum)[4], const SplitA& a, const SplitB& b) {
  float product[4] = {};
  if constexpr (!kFitsTf32<T>) add_product<Part::Low, Part::High>(product, a, b);
  add_product<Part::High, Part::Low>(product, a, b);
  add_product<Part::High, Part::High>(product, a, b);
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] += product[i];
}

}  // namespace cf::kernels::squeeze_excite_detail

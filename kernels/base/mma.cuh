// Matrix products of one warp on the tensor cores (compute capability 8.0 and newer), and the loads and
// conversions that feed them. All lanes of the warp must call.
//
// What a lane holds, with g = lane / 4 and t = lane % 4; each register two neighbouring elements, the first
// in the lower half (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//
//   8 x 8 matrix   row g, columns 2t and 2t + 1
//   A, 16 x 16     four 8 x 8 matrices: upper left, lower left, upper right, lower right
//   B, 16 x 8      rows 2t and 2t + 1 of column g of the upper 8 x 8 matrix, then of the lower one
//   sum, 16 x 8    floats: row g, columns 2t and 2t + 1; then row g + 8
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "kernels/base/dtype.h"

namespace cf {

// The address of shared memory as instructions take it.
__device__ inline std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// Rows of a matrix in shared memory: as they lie there, or as columns of what the lanes get.
enum class Rows { AsRows, AsColumns };

// Four 8 x 8 matrices of 16-bit elements. Lane i gives the address of row i % 8 of matrix i / 8: 16 bytes,
// aligned to 16.
template <Rows rows>
__device__ inline void load_matrices(std::uint32_t address, std::uint32_t& a, std::uint32_t& b,
                                     std::uint32_t& c, std::uint32_t& d) {
  if constexpr (rows == Rows::AsRows) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(a), "=r"(b), "=r"(c), "=r"(d)
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(a), "=r"(b), "=r"(c), "=r"(d)
                 : "r"(address)
                 : "memory");
  }
}

// Two 8 x 8 matrices: addresses from lanes 0 to 15.
template <Rows rows>
__device__ inline void load_matrices(std::uint32_t address, std::uint32_t& a, std::uint32_t& b) {
  if constexpr (rows == Rows::AsRows) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(a), "=r"(b)
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(a), "=r"(b)
                 : "r"(address)
                 : "memory");
  }
}

// Two 8 x 8 matrices of 16-bit elements to shared memory, rows as columns: lane i < 16 gives the address of
// row i % 8 of the transpose of matrix i / 8.
__device__ inline void store_matrices_as_columns(std::uint32_t address, std::uint32_t a, std::uint32_t b) {
#if __CUDA_ARCH__ >= 900
  asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1,%2};" ::"r"(address), "r"(a), "r"(b)
               : "memory");
#else
  const int lane = static_cast<int>(threadIdx.x) % 32, row = lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t to = __shfl_sync(0xffffffffU, address, row + i % 2 + i / 2 * 8) + lane / 4 * 2;
    const std::uint32_t pair = i < 2 ? a : b;
    const auto value = static_cast<std::uint16_t>(i % 2 == 0 ? pair : pair >> 16);
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(value) : "memory");
  }
#endif
}

// One 8 x 8 matrix: addresses from lanes 0 to 7.
template <Rows rows>
__device__ inline void load_matrices(std::uint32_t address, std::uint32_t& a) {
  if constexpr (rows == Rows::AsRows) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(a) : "r"(address) : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(a)
                 : "r"(address)
                 : "memory");
  }
}

// The reverse of loading four matrices as rows (compute capability 9.0).
__device__ inline void store_matrices(std::uint32_t address, std::uint32_t a, std::uint32_t b,
                                      std::uint32_t c, std::uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(address), "r"(a), "r"(b),
               "r"(c), "r"(d)
               : "memory");
}

// The same of four, rows as columns: lane i gives the address of row i % 8 of the transpose of matrix i / 8.
__device__ inline void store_matrices_as_columns(std::uint32_t address, std::uint32_t a, std::uint32_t b,
                                                 std::uint32_t c, std::uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(address), "r"(a),
               "r"(b), "r"(c), "r"(d)
               : "memory");
}

// An A fragment of T, Half or BFloat16.
struct MatrixA {
  std::uint32_t upper_left, lower_left, upper_right, lower_right;
};

// Its four matrices from shared memory, rows as they lie there: lanes 0 to 15 give the addresses of the left
// halves of the 16 rows, 16 to 31 of the right halves.
__device__ inline void load_matrix_a(std::uint32_t address, MatrixA& a) {
  load_matrices<Rows::AsRows>(address, a.upper_left, a.lower_left, a.upper_right, a.lower_right);
}

// sum += a b with a 16 x 16 and b 16 x 8 of T; sums in float.
template <class T>
__device__ inline void multiply_add(float (&sum)[4], const MatrixA& a, std::uint32_t upper,
                                    std::uint32_t lower) {
  if constexpr (std::is_same_v<T, Half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "r"(upper),
          "r"(lower));
  } else {
    static_assert(std::is_same_v<T, BFloat16>);
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "r"(upper),
          "r"(lower));
  }
}

// sum = start + a b, the same shapes.
template <class T>
__device__ inline void multiply_add(float (&sum)[4], const float (&start)[4], const MatrixA& a,
                                    std::uint32_t upper, std::uint32_t lower) {
  if constexpr (std::is_same_v<T, Half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%10,%11,%12,%13};"
        : "=f"(sum[0]), "=f"(sum[1]), "=f"(sum[2]), "=f"(sum[3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "r"(upper),
          "r"(lower), "f"(start[0]), "f"(start[1]), "f"(start[2]), "f"(start[3]));
  } else {
    static_assert(std::is_same_v<T, BFloat16>);
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%10,%11,%12,%13};"
        : "=f"(sum[0]), "=f"(sum[1]), "=f"(sum[2]), "=f"(sum[3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "r"(upper),
          "r"(lower), "f"(start[0]), "f"(start[1]), "f"(start[2]), "f"(start[3]));
  }
}

// sum += a b with a 16 x 8 (its two 8 x 8 matrices) and b 8 x 8.
template <class T>
__device__ inline void multiply_add(float (&sum)[4], std::uint32_t upper, std::uint32_t lower,
                                    std::uint32_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(upper), "r"(lower), "r"(b));
  } else {
    static_assert(std::is_same_v<T, BFloat16>);
    asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(upper), "r"(lower), "r"(b));
  }
}

// Two floats rounded to T in one register.
template <class T>
__device__ inline std::uint32_t round_pair(float first, float second) {
  std::uint32_t pair;
  if constexpr (std::is_same_v<T, Half>) {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  } else {
    static_assert(std::is_same_v<T, BFloat16>);
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  }
  return pair;
}

// max(value, 0) of two floats, rounded to T; NaN stays NaN.
template <class T>
__device__ inline std::uint32_t rectify_pair(float first, float second) {
  std::uint32_t pair;
  if constexpr (std::is_same_v<T, Half>) {
    asm("cvt.rn.relu.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  } else {
    static_assert(std::is_same_v<T, BFloat16>);
    asm("cvt.rn.relu.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  }
  return pair;
}

}  // namespace cf

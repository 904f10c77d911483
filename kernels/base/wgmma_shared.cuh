// The products of wgmma.cuh whose factors both come from shared memory, by their descriptors: A [64 rows, 16
// depth], B [N columns, 16 depth]. Every product with A from registers is there, every one with A from shared
// memory here.
#pragma once

#include "kernels/base/wgmma.cuh"

namespace cf {

// d += A B, or d = A B.
template <class T, Contiguous kA = Contiguous::Depth, Contiguous kB = Contiguous::Depth,
          Sum kSum = Sum::Continues>
__device__ inline void warpgroup_multiply(float (&d)[4][4], std::uint64_t a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %20, 0; wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, %16, %17, add, 1, "
        "1, %18, %19; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3])
        : "l"(a), "l"(b), "n"(kA == Contiguous::Depth ? 0 : 1), "n"(kB == Contiguous::Depth ? 0 : 1),
          "n"(kSum == Sum::Starts ? 0 : 1));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %20, 0; "
        "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, "
        "%9, %10, %11, %12, %13, %14, %15}, %16, %17, add, 1, 1, %18, %19; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3])
        : "l"(a), "l"(b), "n"(kA == Contiguous::Depth ? 0 : 1), "n"(kB == Contiguous::Depth ? 0 : 1),
          "n"(kSum == Sum::Starts ? 0 : 1));
  }
}

template <class T, Contiguous kA = Contiguous::Depth, Contiguous kB = Contiguous::Depth,
          Sum kSum = Sum::Continues>
__device__ inline void warpgroup_multiply(float (&d)[8][4], std::uint64_t a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %36, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
        "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, add, 1, 1, %34, %35; "
        "}"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
          "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
          "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),
          "+f"(d[7][2]), "+f"(d[7][3])
        : "l"(a), "l"(b), "n"(kA == Contiguous::Depth ? 0 : 1), "n"(kB == Contiguous::Depth ? 0 : 1),
          "n"(kSum == Sum::Starts ? 0 : 1));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %36, 0; "
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, "
        "%9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, "
        "%27, %28, %29, %30, %31}, %32, %33, add, 1, 1, %34, %35; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
          "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
          "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),
          "+f"(d[7][2]), "+f"(d[7][3])
        : "l"(a), "l"(b), "n"(kA == Contiguous::Depth ? 0 : 1), "n"(kB == Contiguous::Depth ? 0 : 1),
          "n"(kSum == Sum::Starts ? 0 : 1));
  }
}

// --- wider ones, of contiguous depth in both

// Places of the sums among the operands.
#define CF_PLACES_52                                                                 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, " \
  "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, " \
  "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, " \
  "%50, %51"
#define CF_PLACES_64 CF_PLACES_52 ", %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define CF_PLACES_100                                                                \
  CF_PLACES_52                                                                       \
  ", "                                                                               \
  "%52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, " \
  "%68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, " \
  "%84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99"

#define CF_SUMS(i) "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3])
#define CF_SUMS_13                                                                                \
  CF_SUMS(0), CF_SUMS(1), CF_SUMS(2), CF_SUMS(3), CF_SUMS(4), CF_SUMS(5), CF_SUMS(6), CF_SUMS(7), \
      CF_SUMS(8), CF_SUMS(9), CF_SUMS(10), CF_SUMS(11), CF_SUMS(12)
#define CF_SUMS_16 CF_SUMS_13, CF_SUMS(13), CF_SUMS(14), CF_SUMS(15)
#define CF_SUMS_25                                                                                       \
  CF_SUMS_13, CF_SUMS(13), CF_SUMS(14), CF_SUMS(15), CF_SUMS(16), CF_SUMS(17), CF_SUMS(18), CF_SUMS(19), \
      CF_SUMS(20), CF_SUMS(21), CF_SUMS(22), CF_SUMS(23), CF_SUMS(24)

template <class T>
__device__ inline void warpgroup_multiply(float (&d)[13][4], std::uint64_t a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n104k16.f32.f16.f16 "
        "{" CF_PLACES_52 "}, %52, %53, add, 1, 1, 0, 0; }"
        : CF_SUMS_13
        : "l"(a), "l"(b));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n104k16.f32.bf16.bf16 "
        "{" CF_PLACES_52 "}, %52, %53, add, 1, 1, 0, 0; }"
        : CF_SUMS_13
        : "l"(a), "l"(b));
  }
}

template <class T>
__device__ inline void warpgroup_multiply(float (&d)[16][4], std::uint64_t a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
        "{" CF_PLACES_64 "}, %64, %65, add, 1, 1, 0, 0; }"
        : CF_SUMS_16
        : "l"(a), "l"(b));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
        "{" CF_PLACES_64 "}, %64, %65, add, 1, 1, 0, 0; }"
        : CF_SUMS_16
        : "l"(a), "l"(b));
  }
}

template <class T>
__device__ inline void warpgroup_multiply(float (&d)[25][4], std::uint64_t a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n200k16.f32.f16.f16 "
        "{" CF_PLACES_100 "}, %100, %101, add, 1, 1, 0, 0; }"
        : CF_SUMS_25
        : "l"(a), "l"(b));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n200k16.f32.bf16.bf16 "
        "{" CF_PLACES_100 "}, %100, %101, add, 1, 1, 0, 0; }"
        : CF_SUMS_25
        : "l"(a), "l"(b));
  }
}

#undef CF_PLACES_52
#undef CF_PLACES_64
#undef CF_PLACES_100
#undef CF_SUMS
#undef CF_SUMS_13
#undef CF_SUMS_16
#undef CF_SUMS_25

}  // namespace cf

// The products of wgmma.cuh with 256 columns, whose sums take 128 registers of each thread: A from registers,
// B of contiguous columns.
#pragma once

#include "kernels/base/wgmma.cuh"

namespace cf {

// Places of the sums among the operands.
#define CF_PLACES_128                                                                                      \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, "   \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, "   \
  "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, "   \
  "%62, %63, %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, "   \
  "%82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, " \
  "%102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, " \
  "%119, %120, %121, %122, %123, %124, %125, %126, %127"

#define CF_SUMS_1(i) "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3])
#define CF_SUMS_4(i) CF_SUMS_1(i), CF_SUMS_1(i + 1), CF_SUMS_1(i + 2), CF_SUMS_1(i + 3)
#define CF_SUMS_16(i) CF_SUMS_4(i), CF_SUMS_4(i + 4), CF_SUMS_4(i + 8), CF_SUMS_4(i + 12)

// d += A B.
template <class T, Contiguous kB>
__device__ inline void warpgroup_multiply(float (&d)[32][4], const MatrixA& a, std::uint64_t b) {
  static_assert(kB == Contiguous::Columns);
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 "
        "{" CF_PLACES_128 "}, {%128, %129, %130, %131}, %132, add, 1, 1, 1; }"
        : CF_SUMS_16(0), CF_SUMS_16(16)
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, 1, 0; wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
        "{" CF_PLACES_128 "}, {%128, %129, %130, %131}, %132, add, 1, 1, 1; }"
        : CF_SUMS_16(0), CF_SUMS_16(16)
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b));
  }
}

#undef CF_PLACES_128
#undef CF_SUMS_1
#undef CF_SUMS_4
#undef CF_SUMS_16

}  // namespace cf

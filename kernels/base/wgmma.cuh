// Products of a warpgroup (4 warps) on Hopper's tensor cores: wgmma, sm_90a only. A [64 rows, 16 depth] comes
// from registers, a warp holding 16 rows of it as in mma.cuh (from shared memory: wgmma_shared.cuh); B [N
// columns, 16 depth] from shared memory; the sums D [64, N] are the D fragments of N / 8 products of mma.cuh.
//
//   warpgroup_fence();                        // registers written so far may be read
//   warpgroup_multiply<Half>(d, a, b);  ...   // asynchronous: leave d and a alone until they are done
//   warpgroup_commit();
//   warpgroup_wait<0>();
#pragma once

#include <cstdint>

#include "kernels/base/mma.cuh"

namespace cf {

__device__ inline void warpgroup_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until at most kPending committed groups are under way.
template <int kPending>
__device__ inline void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Registers of each thread of the calling warpgroup from here on, a multiple of 8: what some warpgroups of a
// block release others may claim, which waits until there are enough.
template <int kRegisters>
__device__ inline void release_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ inline void claim_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// Keeps the compiler from moving uses of the registers across this point.
__device__ inline void warpgroup_pin(float (&d)[4]) {
#pragma unroll
  for (int j = 0; j < 4; ++j) asm volatile("" : "+f"(d[j])::"memory");
}
template <int kTiles>
__device__ inline void warpgroup_pin(float (&d)[kTiles][4]) {
#pragma unroll
  for (int i = 0; i < kTiles; ++i) warpgroup_pin(d[i]);
}

// What was written to shared memory before (by stores or cp.async) may be read by wgmma behind a barrier.
__device__ inline void fence_for_warpgroups() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// What lies side by side in shared memory: 16-bit elements of one row or column (Depth), or all rows of A or
// columns of B at one depth.
enum class Contiguous { Depth, Columns };

// Runs of 64 or 128 bytes, swizzled: the number of a 16-byte piece of a run is XORed with run / 2 % 4 or
// run % 8. The lower half of their descriptor: of the address of the first run, aligned to 1024 bytes. To
// move along a run, or by multiples of 8 runs, add bytes / 16. `block_bytes`: from one 64 or 128 bytes of
// contiguous columns to the next, where N is more than one run has.
__device__ inline std::uint32_t descriptor_start(std::uint32_t address, std::uint32_t block_bytes = 16) {
  return address / 16 | block_bytes / 16 << 16;
}
template <int kRunBytes>
__device__ inline std::uint64_t descriptor_from(std::uint32_t start) {
  static_assert(kRunBytes == 64 || kRunBytes == 128);
  constexpr std::uint32_t kSwizzle = kRunBytes == 128 ? 1u << 30 : 2u << 30;
  constexpr std::uint32_t kHigh = kSwizzle | 8 * kRunBytes / 16;  // 8 runs to the next ones
  std::uint64_t descriptor;
  asm("mov.b64 %0, {%1, %2};" : "=l"(descriptor) : "r"(start), "r"(kHigh));
  return descriptor;
}

// Rows of B with contiguous depth, the bytes along the row within the address.
template <int kRowBytes>
__device__ inline std::uint64_t matrix_descriptor(std::uint32_t address) {
  return descriptor_from<kRowBytes>(descriptor_start(address));
}

// d += A B, or d = A B.
enum class Sum { Continues, Starts };

// A from registers.
template <class T, Contiguous kB = Contiguous::Depth, Sum kSum = Sum::Continues>
__device__ inline void warpgroup_multiply(float (&d)[4][4], const MatrixA& a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %22, 0; wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, {%16, %17, %18, "
        "%19}, %20, add, 1, 1, %21; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b),
          "n"(kB == Contiguous::Depth ? 0 : 1), "n"(kSum == Sum::Starts ? 0 : 1));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %22, 0; "
        "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, "
        "%9, %10, %11, %12, %13, %14, %15}, {%16, %17, %18, %19}, %20, add, 1, 1, %21; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b),
          "n"(kB == Contiguous::Depth ? 0 : 1), "n"(kSum == Sum::Starts ? 0 : 1));
  }
}

template <class T, Contiguous kB = Contiguous::Depth, Sum kSum = Sum::Continues>
__device__ inline void warpgroup_multiply(float (&d)[8][4], const MatrixA& a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %38, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
        "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, "
        "add, 1, 1, %37; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
          "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
          "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),
          "+f"(d[7][2]), "+f"(d[7][3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b),
          "n"(kB == Contiguous::Depth ? 0 : 1), "n"(kSum == Sum::Starts ? 0 : 1));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %38, 0; "
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, "
        "%9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, "
        "%27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, add, 1, 1, %37; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
          "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
          "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),
          "+f"(d[7][2]), "+f"(d[7][3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b),
          "n"(kB == Contiguous::Depth ? 0 : 1), "n"(kSum == Sum::Starts ? 0 : 1));
  }
}

template <class T, Contiguous kB = Contiguous::Depth, Sum kSum = Sum::Continues>
__device__ inline void warpgroup_multiply(float (&d)[16][4], const MatrixA& a, std::uint64_t b) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %70, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
        "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
        "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
        "%56, %57, %58, %59, %60, %61, %62, %63}, {%64, %65, %66, %67}, %68, add, 1, 1, %69; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
          "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
          "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),
          "+f"(d[7][2]), "+f"(d[7][3]), "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]), "+f"(d[8][3]),
          "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]), "+f"(d[10][0]), "+f"(d[10][1]),
          "+f"(d[10][2]), "+f"(d[10][3]), "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),
          "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]), "+f"(d[13][0]), "+f"(d[13][1]),
          "+f"(d[13][2]), "+f"(d[13][3]), "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),
          "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b),
          "n"(kB == Contiguous::Depth ? 0 : 1), "n"(kSum == Sum::Starts ? 0 : 1));
  } else {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %70, 0; "
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, "
        "%9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, "
        "%27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, "
        "%45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, "
        "%63}, {%64, %65, %66, %67}, %68, add, 1, 1, %69; }"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),
          "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
          "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
          "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
          "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),
          "+f"(d[7][2]), "+f"(d[7][3]), "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]), "+f"(d[8][3]),
          "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]), "+f"(d[10][0]), "+f"(d[10][1]),
          "+f"(d[10][2]), "+f"(d[10][3]), "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),
          "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]), "+f"(d[13][0]), "+f"(d[13][1]),
          "+f"(d[13][2]), "+f"(d[13][3]), "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),
          "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3])
        : "r"(a.upper_left), "r"(a.lower_left), "r"(a.upper_right), "r"(a.lower_right), "l"(b),
          "n"(kB == Contiguous::Depth ? 0 : 1), "n"(kSum == Sum::Starts ? 0 : 1));
  }
}

}  // namespace cf

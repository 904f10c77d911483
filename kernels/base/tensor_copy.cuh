// Bulk copies of tensor tiles from global to shared memory by Hopper's copy engine, and the barriers in
// shared memory that say when they have arrived (sm_90).
//
// One thread asks for copies: expect_bytes() on a barrier, then copy_tensor() with a map made by
// tensor_map(); all who need the data wait_for_phase(). A barrier alternates between phases 0 and 1.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/base/check.h"

namespace cf {

// --- barriers, by their shared address; 8 bytes, aligned to 8

// By one thread; fence_barriers() and a __syncthreads() before anybody uses them.
__device__ inline void init_barrier(std::uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ inline void fence_barriers() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

// Arrives, and makes the phase wait for so many bytes.
__device__ inline void expect_bytes(std::uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ inline void wait_for_phase(std::uint32_t barrier, int phase) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "WAIT_%=:\n"
      "mbarrier.try_wait.parity.shared.b64 done, [%0], %1;\n"
      "@!done bra WAIT_%=;\n"
      "}" ::"r"(barrier),
      "r"(phase)
      : "memory");
}

__device__ inline void arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// --- copies; coordinates from the fastest axis on, what lies outside of the tensor arrives as zeros

__device__ inline void copy_tensor(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier, int c0,
                                   int c1) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], "
      "[%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1)
      : "memory");
}
__device__ inline void copy_tensor(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier, int c0,
                                   int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}

__device__ inline void copy_tensor(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier, int c0,
                                   int c1, int c2, int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, "
      "%6}], "
      "[%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}

__device__ inline void copy_tensor(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier, int c0,
                                   int c1, int c2, int c3, int c4) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, "
      "%6, %7}], [%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
      : "memory");
}

// The reverse, by one thread; what lies outside of the tensor is not written. Shared memory
// written by stores needs a fence.proxy.async of each writer and a barrier before.
__device__ inline void store_tensor(std::uint32_t from, const CUtensorMap& map, int c0, int c1) {
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%1, {%2, %3}], [%0];" ::"r"(from),
               "l"(&map), "r"(c0), "r"(c1)
               : "memory");
}
__device__ inline void store_tensor(std::uint32_t from, const CUtensorMap& map, int c0, int c1, int c2) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%1, {%2, %3, %4}], [%0];" ::"r"(from),
               "l"(&map), "r"(c0), "r"(c1), "r"(c2)
               : "memory");
}
__device__ inline void commit_tensor_stores() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }

// All of this thread's stores have read shared memory.
__device__ inline void wait_for_tensor_stores() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// --- maps

// An axis of a tensor: its extent, how much of it a copy takes, bytes between neighbours (of the first axis:
// 2).
struct TensorMapAxis {
  std::int64_t extent;
  int box;
  std::int64_t stride = 2;
};

// Of 16-bit elements. Rows of 64 or 128 bytes of the first axis are swizzled as wgmma and ldmatrix like them:
// the number of a 16-byte piece of a row is XORed with row / 2 % 4 or row % 8.
template <int kAxes>
CUtensorMap tensor_map(const void* data, const TensorMapAxis (&axes)[kAxes]) {
  static const auto encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found;
    const cudaError_t status = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                                cudaEnableDefault, &found);
    CF_CHECK_AS(ErrorKind::Device, status == cudaSuccess && found == cudaDriverEntryPointSuccess,
                "the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
  }();
  cuuint64_t extents[kAxes], strides[kAxes];
  cuuint32_t box[kAxes], steps[kAxes];
  for (int i = 0; i < kAxes; ++i) {
    extents[i] = static_cast<cuuint64_t>(axes[i].extent);
    strides[i] = static_cast<cuuint64_t>(axes[i].stride);
    box[i] = static_cast<cuuint32_t>(axes[i].box);
    steps[i] = 1;
  }
  CUtensorMap map;
  const auto swizzle = axes[0].box == 64 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B;
  const CUresult status = encode(&map, CU_TENSOR_MAP_DATA_TYPE_UINT16, kAxes, const_cast<void*>(data),
                                 extents, strides + 1, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  CF_CHECK_AS(ErrorKind::Device, status == CUDA_SUCCESS, "cuTensorMapEncodeTiled fails with ",
              static_cast<int>(status));
  return map;
}

}  // namespace cf

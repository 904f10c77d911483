// What mbconv's Hopper kernels share: blocks in clusters of one or two, which bring each weight into both of
// their shared memories at once, and rings of slots that a warp fills and warpgroups empty (sm_90).
#pragma once

#include "kernels/base/copy_ring.cuh"
#include "kernels/base/dependent_launch.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/base/tensor_copy.cuh"
#include "kernels/base/wgmma.cuh"

namespace cf::kernels::mbconv_hopper {

__device__ inline int cluster_size() {
  int size;
  asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
  return size;
}
__device__ inline int cluster_rank() {
  int rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

// All threads of the cluster.
__device__ inline void cluster_barrier() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The same, but orders no memory traffic, which the other would wait for.
__device__ inline void wait_for_cluster() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
}

// --- shared memory of the blocks of a cluster

// Writes to the same address of block `rank`.
__device__ inline void store_at(const float* address, int rank, float value) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "st.shared::cluster.f32 [remote], %2;\n"
      "}" ::"r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(address))),
      "r"(rank), "f"(value)
      : "memory");
}

__device__ inline void store_at(const float2* address, int rank, float2 value) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "st.shared::cluster.v2.f32 [remote], {%2, %3};\n"
      "}" ::"r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(address))),
      "r"(rank), "f"(value.x), "f"(value.y)
      : "memory");
}

// Arrives at the barrier of block `rank`. With the scope of a cluster spelt out this would wait for all
// memory traffic of the thread; what is released here, the reading of a slot, is over.
__device__ inline void arrive_at(std::uint32_t barrier, int rank) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
      "}" ::"r"(barrier),
      "r"(rank)
      : "memory");
}

// copy_tensor() to the same place in every block of the cluster; each block's barrier gets the bytes.
__device__ inline void copy_tensor_to_cluster(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                              int blocks, int c0, int c1) {
  const auto mask = static_cast<std::uint16_t>((1 << blocks) - 1);
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%3, %4}], [%2], %5;" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "h"(mask)
      : "memory");
}
__device__ inline void copy_tensor_to_cluster(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                              int blocks, int c0, int c1, int c2) {
  const auto mask = static_cast<std::uint16_t>((1 << blocks) - 1);
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%3, %4, %5}], [%2], %6;" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "h"(mask)
      : "memory");
}
__device__ inline void copy_tensor_to_cluster(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                              int blocks, int c0, int c1, int c2, int c3, int c4) {
  const auto mask = static_cast<std::uint16_t>((1 << blocks) - 1);
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%3, %4, %5, %6, %7}], [%2], %8;" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4), "h"(mask)
      : "memory");
}

// store_tensor() for four axes.
__device__ inline void store_tensor(std::uint32_t from, const CUtensorMap& map, int c0, int c1, int c2,
                                    int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(&map),
      "r"(from), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}

// A ring whose slots are filled in all blocks of the cluster at once.
struct Ring : CopyRing {
  __device__ void advance(int steps = 1) {
    slot += steps;
    while (slot >= slots) {
      slot -= slots;
      phase ^= 1;
    }
  }
  // By each warp that reads the slot, all lanes: it may be filled again, in every block of the cluster.
  __device__ void release(int of_slot) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    if (lane < cluster_size()) arrive_at(barriers + of_slot * 16 + 8, lane);
  }
};

// The end of a block: another one may still write to its shared memory.
__device__ __forceinline__ void leave_cluster() {
  __syncwarp();
  wait_for_cluster();
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
// What a block does of which one warpgroup copies and kTeams warpgroups compute. Of the 128 registers of each
// thread the copying one leaves 96 to the others.
template <int kTeams, class Worker>
__device__ __forceinline__ void copy_and_compute(Worker& worker) {
  constexpr int kFew = 32, kMany = 160;
  static_assert(kFew + kTeams * kMany == (kTeams + 1) * 128);
  worker.prepare();
  if (worker.copies()) {
    release_registers<kFew>();
    worker.copy();
    leave_cluster();
  } else {
    claim_registers<kMany>();
    worker.compute();
    leave_cluster();
  }
}
#endif

}  // namespace cf::kernels::mbconv_hopper

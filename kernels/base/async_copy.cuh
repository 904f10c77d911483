// Copies from global to shared memory that run beside the thread that starts them (compute capability 8.0).
#pragma once

#include <cstdint>

namespace cf {

// 16 bytes, both addresses aligned to 16; zeros where `wanted` is false, and `from` is then not read.
__device__ inline void copy_async_16(std::uint32_t shared, const void* from, bool wanted) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from), "r"(wanted ? 16 : 0)
               : "memory");
}

// Closes a group of the thread's copies; groups arrive in order.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// All but the last kPending groups of this thread have arrived; a barrier must follow as below.
template <int kPending>
__device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// This thread's copies have arrived; a barrier must follow before other threads read them.
__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

}  // namespace cf

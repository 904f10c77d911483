// Barriers of some of a block's warps.
#pragma once

namespace cf {

// Waits for `threads` threads, whole warps, that call with the same id: 1 ... 15, id 0 is __syncthreads().
__device__ inline void named_barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

}  // namespace cf

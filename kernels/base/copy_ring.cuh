// A ring of places in shared memory that one thread has the copy engine fill and warps read (sm_90).
#pragma once

#include "kernels/base/tensor_copy.cuh"

namespace cf {

// A place in the ring. Each slot has a barrier for "full" and one for "empty", 16 bytes apart.
struct CopyRing {
  std::uint32_t barriers;  // shared address
  int slots;
  int slot = 0, phase = 0;

  __device__ std::uint32_t full() const { return barriers + slot * 16; }
  __device__ std::uint32_t empty() const { return full() + 8; }

  // By one thread; `readers` warps release each slot.
  __device__ void init(int readers) const {
    for (int i = 0; i < slots; ++i) {
      init_barrier(barriers + i * 16, 1);
      init_barrier(barriers + i * 16 + 8, readers);
    }
  }
  __device__ void advance() {
    if (++slot == slots) {
      slot = 0;
      phase ^= 1;
    }
  }
  // Before it is filled: a fresh slot's wait for the phase before the first passes at once.
  __device__ void wait_until_empty() const { wait_for_phase(empty(), phase ^ 1); }
  __device__ void wait_until_full() const { wait_for_phase(full(), phase); }
  // By each warp that reads the slot, all lanes: it may be filled again.
  __device__ void release(int of_slot) const {
    __syncwarp();
    if (threadIdx.x % 32 == 0) arrive(barriers + of_slot * 16 + 8);
  }
};

}  // namespace cf

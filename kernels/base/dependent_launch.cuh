// Kernels one behind the other in a stream (compute capability 9.0), for those started by launch_clusters():
// the next one may start when all blocks of this one run or have ended; before it touches what others wrote,
// or what they read, it waits until all before it are done.
#pragma once

namespace cf {

__device__ inline void start_next_kernel() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
__device__ inline void wait_for_last_kernel() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

}  // namespace cf

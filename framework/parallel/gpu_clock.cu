#include "framework/parallel/gpu_clock.h"

#include "kernels/base/launch.cuh"

namespace cf {

namespace {

__global__ void write_gpu_time_kernel(std::int64_t* to) {
  std::int64_t now = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  *to = now;
}

}  // namespace

void write_gpu_time(const GpuStream& stream, std::int64_t* to) {
  launch("write_gpu_time", write_gpu_time_kernel, {.grid = 1, .block = 1}, Cuda{.stream = stream.get()}, to);
}

}  // namespace cf

// Launching kernels and checking CUDA calls; the only way either is done in this program.
//
//   CF_CUDA(cudaMemsetAsync(pointer, 0, bytes, place.stream));
//   launch("batch_norm_apply", batch_norm_apply_kernel<T>, {.grid = blocks, .block = 256}, place, x, scale,
//   shift, y);
//
// An error of a launch names the kernel. With the environment variable CF_SYNC=1 every launch is waited for,
// so that an error inside a kernel is reported by the kernel that made it.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "kernels/base/check.h"
#include "kernels/base/place.h"

namespace cf {

inline void check_cuda(cudaError_t status, std::string_view call) {
  CF_CHECK_AS(ErrorKind::Device, status == cudaSuccess, call, ": ", cudaGetErrorName(status), ", ",
              cudaGetErrorString(status));
}

#define CF_CUDA(call) ::cf::check_cuda((call), #call)

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // dynamic
};

inline bool waits_for_every_launch() {
  static const bool waits = [] {
    const char* value = std::getenv("CF_SYNC");
    return value != nullptr && value[0] == '1';
  }();
  return waits;
}

template <class... Parameters, class... Arguments>
void launch(std::string_view name, void (*kernel)(Parameters...), const LaunchShape& shape, Cuda place,
            Arguments&&... arguments) {
  constexpr std::size_t kSharedWithoutAsking = 48 * 1024;
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;  // nothing to do
  if (shape.shared_bytes > kSharedWithoutAsking) {
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)),
               name);
  }
  kernel<<<shape.grid, shape.block, shape.shared_bytes, place.stream>>>(Parameters(arguments)...);
  check_cuda(cudaGetLastError(), name);
  if (waits_for_every_launch()) check_cuda(cudaStreamSynchronize(place.stream), name);
}

// Blocks of `block` threads for `items` independent items in a grid-stride loop: at most a few waves.
inline unsigned grid_for(std::int64_t items, int block) {
  constexpr std::int64_t kMostBlocks = 132 * 16;
  return static_cast<unsigned>(std::clamp<std::int64_t>((items + block - 1) / block, 0, kMostBlocks));
}

}  // namespace cf

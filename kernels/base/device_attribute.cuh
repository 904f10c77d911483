// What the current GPU has, for kernels that choose their route or their tiles by it.
#pragma once

#include <algorithm>

#include "kernels/base/launch.cuh"

namespace cf {

inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  CF_CUDA(cudaGetDevice(&device));
  CF_CUDA(cudaDeviceGetAttribute(&value, attribute, device));
  return value;
}

// That a persistent kernel may use.
inline int multiprocessors_of(Cuda place) {
  const int all = device_attribute(cudaDevAttrMultiProcessorCount);
  return place.sm_limit > 0 ? std::min(place.sm_limit, all) : all;
}

// Bytes of shared memory a block may take; `limit` of 0: what the GPU grants.
inline std::int64_t shared_memory_of_block(std::int64_t limit) {
  const std::int64_t granted = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  return limit > 0 ? std::min(limit, granted) : granted;
}

// That a kernel written for 9.0a alone runs here: elsewhere it is an empty shell, also in PTX compiled by the
// driver.
template <auto* kKernel>
bool has_hopper_code() {
  static const bool has = [] {
    constexpr int kHopper = 90;
    cudaFuncAttributes attributes;
    CF_CUDA(cudaFuncGetAttributes(&attributes, kKernel));
    return attributes.ptxVersion >= kHopper;
  }();
  return has && device_attribute(cudaDevAttrComputeCapabilityMajor) == 9;
}

}  // namespace cf

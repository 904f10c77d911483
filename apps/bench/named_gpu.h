// GPUs that need not be at hand, by their data sheets: what a plan would be there, and how long it takes at
// least.
#pragma once

#include <string>

#include "apps/bench/device_limits.h"
#include "layers/route.h"

namespace cf::apps {

struct NamedGpu {
  std::string_view name;
  DeviceLimits limits;              // peak: dense products of 16-bit numbers summed in float, memory
  kernels::ConvFirstLimits blocks;  // of thread blocks
};

// Case and spaces do not matter. An unknown name is a Usage error that lists the known ones.
const NamedGpu& named_gpu(const std::string& name);

// The one that a driver's name of a device ("NVIDIA H100 80GB HBM3") speaks of, or null.
const NamedGpu* gpu_of_device(std::string_view device);

// It as a place that computes in `precision`: bf16 (also "auto") or fp16; else a Usage error.
layers::RouteDevice route_device(const NamedGpu& gpu, const std::string& precision);

}  // namespace cf::apps

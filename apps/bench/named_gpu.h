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

// An unknown name is a Usage error that lists the known ones.
const NamedGpu& named_gpu(const std::string& name);

}  // namespace cf::apps

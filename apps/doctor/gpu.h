// GPU and driver as found by opening the driver's libraries at run time: nothing is linked, so that the
// program starts where there is no driver.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/doctor/finding.h"

namespace cf::apps {

struct GpuFacts {
  struct Gpu {
    std::string name;
    int major = 0, minor = 0;  // compute capability
    std::int64_t memory_bytes = 0;
    std::int64_t l2_bytes = 0;  // of the cache in front of that memory
  };
  bool has_driver = false;     // libcuda.so.1 is there
  std::string driver_version;  // "580.65.06"; empty if unknown
  int driver_cuda = 0;         // newest CUDA the driver runs: 13000 for 13.0
  std::string failure;         // why the driver does not work, in its words
  std::vector<Gpu> gpus;
};

GpuFacts examine_gpus();

// The CUDA code in this build.
struct CudaBuild {
  std::string_view toolkit;        // "13.0.88"; empty for none
  std::string_view architectures;  // as CMake writes them: "80-virtual;90a-real"
};

std::vector<Finding> judge_gpus(const GpuFacts& facts, const CudaBuild& build);

}  // namespace cf::apps

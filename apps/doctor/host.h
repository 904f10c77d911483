// Processor, memory, disk, limits and data of this machine, and what the doctor says about them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/doctor/finding.h"

namespace cf::apps {

struct HostFacts {
  std::string processor;                // its name
  int cores = 0;                        // this process may use, after affinity
  double core_quota = 0;                // cores a container's quota allows; 0: no quota
  bool runs_build_architecture = true;  // the processor has the instructions the build uses
  std::int64_t memory_bytes = 0;        // in all, after a container's limit
  std::int64_t free_memory_bytes = 0;
  std::int64_t free_disk_bytes = 0;  // in the working folder
  std::int64_t open_files = 0;       // soft limit
  bool has_fashion_mnist = false;    // the distribution's package
};

inline constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";

HostFacts examine_host();
std::vector<Finding> judge_host(const HostFacts& host);

}  // namespace cf::apps

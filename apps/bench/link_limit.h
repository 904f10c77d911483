// What the links between the GPUs of a host are built for, as their driver states it.
#pragma once

#include <string>

namespace cf::apps {

struct LinkLimit {
  double bytes_per_second = 0;  // each way; 0: not known
  std::string links;            // "18 NVLinks of 26.6 GB/s"
};

// Of all NVLinks of the GPU with this identity (GpuProperties); not known without such links.
LinkLimit nvlink_limit(const std::string& gpu_identity);

}  // namespace cf::apps

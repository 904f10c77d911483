// What the device can do at best, measured in the same run as what is held against it.
#pragma once

#include <cstdint>

#include "framework/runtime/executor.h"

namespace cf::apps {

struct DeviceLimits {
  double bytes_per_second = 0;  // a large copy: bytes read plus bytes written
  double flops_per_second = 0;  // a large matrix product, two operations for each multiply-accumulate
  DType matrix_type = DType::Float32;

  // The least time that so much work takes: the slower of memory and arithmetic.
  double seconds(double flops, double bytes) const;
};

DeviceLimits measure_limits(Executor& executor, DType matrix_type);

// Bytes of the last cache in front of the device's memory.
std::int64_t last_cache_bytes(const Executor& executor);

}  // namespace cf::apps

#pragma once

#include <string>

#include "framework/runtime/executor.h"

namespace cf::apps {

// "NVIDIA H100 80GB HBM3", or the processor and the number of threads that compute.
std::string device_name(const Executor& executor);

}  // namespace cf::apps

#include "apps/execution/device_name.h"

#include "apps/host/processor.h"
#include "framework/runtime/gpu.h"

namespace cf::apps {

std::string device_name(const Executor& executor) {
  const Device device = executor.pool().device();
  if (device.kind == DeviceKind::Gpu) return gpu_properties(device.index).name;
  return concat(processor_name(), ", ", executor.threads(), executor.threads() == 1 ? " thread" : " threads");
}

}  // namespace cf::apps

// Which memory a tensor lives in.
#pragma once

#include <string>

#include "kernels/base/check.h"

namespace cf {

enum class DeviceKind { Host, Gpu };

struct Device {
  DeviceKind kind = DeviceKind::Host;
  int index = 0;  // of the GPU

  friend bool operator==(const Device&, const Device&) = default;
};

inline std::string name_of(const Device& device) {
  return device.kind == DeviceKind::Host ? "cpu" : concat("cuda:", device.index);
}

}  // namespace cf

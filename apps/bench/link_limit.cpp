#include "apps/bench/link_limit.h"

#include <fmt/format.h>

#include <array>

#include "apps/doctor/shared_library.h"

namespace cf::apps {

namespace {

// Of the management library, whose header few machines have.
constexpr unsigned kNvlinkSpeed =
    164;                        // NVML_FI_DEV_NVLINK_GET_SPEED: MB/s of the link that the scope numbers
constexpr int kMostLinks = 18;  // NVML_NVLINK_MAX_LINKS

struct FieldValue {  // nvmlFieldValue_t
  unsigned field = 0, scope = 0;
  long long timestamp = 0, latency = 0;
  int type = 0, status = 0;
  union {
    unsigned number;
    unsigned long long room;
  } value{};
};

using Device = void*;
using Init = int();
using GetHandle = int(const char*, Device*);
using GetFieldValues = int(Device, int, FieldValue*);

}  // namespace

LinkLimit nvlink_limit(const std::string& gpu_identity) {
  const SharedLibrary management("libnvidia-ml.so.1");
  const auto init = management.find<Init>("nvmlInit_v2");
  const auto shutdown = management.find<Init>("nvmlShutdown");
  const auto get_handle = management.find<GetHandle>("nvmlDeviceGetHandleByUUID");
  const auto get_values = management.find<GetFieldValues>("nvmlDeviceGetFieldValues");
  if (!init || !shutdown || !get_handle || !get_values || init() != 0) return {};
  std::array<FieldValue, kMostLinks> values{};
  for (unsigned link = 0; link < values.size(); ++link) {
    values[link].field = kNvlinkSpeed;
    values[link].scope = link;
  }
  Device device = nullptr;
  const bool known =
      get_handle(gpu_identity.c_str(), &device) == 0 && get_values(device, kMostLinks, values.data()) == 0;
  shutdown();
  if (!known) return {};
  LinkLimit limit;
  int links = 0;
  for (const FieldValue& value : values) {
    if (value.status != 0 || value.value.number == 0) continue;
    limit.bytes_per_second += 1e6 * value.value.number;
    ++links;
  }
  if (links > 0)
    limit.links = fmt::format("{} NVLinks of {:.1f} GB/s", links, 1e-9 * limit.bytes_per_second / links);
  return limit;
}

}  // namespace cf::apps

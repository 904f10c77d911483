// One kernel case, timed over rotating inputs.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "apps/bench/device_limits.h"
#include "apps/bench/timing.h"
#include "kernels/base/case.h"

namespace cf::apps {

struct CaseResult {
  std::string name;
  DType type = DType::Float32;
  double flops = 0, bytes = 0;  // of one run; bytes: compulsory traffic
  double limit_seconds = 0;     // the least time the device's own limits allow
  std::int64_t copies = 0;      // of the case's memory, walked through in turn
  Timing timing;

  double share_of_limit() const { return limit_seconds / timing.seconds.median; }
};

// Whether the case runs in `type` at the executor's place.
bool runs_at(const Executor& executor, const kernels::Case& problem, DType type);

CaseResult benchmark_case(Executor& executor, const kernels::Case& problem, DType type,
                          const DeviceLimits& limits, std::int64_t cache_bytes, const TimingOptions& options);

nlohmann::ordered_json as_json(const CaseResult& result);

}  // namespace cf::apps

// How long a piece of work takes at an executor's place. On a GPU the work is recorded in a CUDA graph (not
// with CF_SYNC=1), so that what is timed is the device and not the host that feeds it; on the host it is
// wall-clock time.
#pragma once

#include <cstdint>
#include <functional>

#include "apps/bench/spread.h"
#include "framework/runtime/executor.h"

namespace cf::apps {

struct TimingOptions {
  int samples = 30;           // measurements wanted
  double sample_seconds = 0;  // one measurement takes at least so long, by as many runs as that needs
  int warmup_runs = 1;        // before the first measurement, and
  double warmup_seconds = 0;  // at least so long: clocks settle
  // Fewer measurements, though at least kLeastSamples, where all of them would take longer than this.
  double most_seconds = 1e9;
};

inline constexpr int kLeastSamples = 5;

struct Timing {
  Spread seconds;  // of one run
  std::int64_t runs_per_sample = 1;
  bool in_graph = false;
};

// Times run(0), run(1), ... run(rotation - 1), run(0), ...: each number stands for data of its own, so that
// none is found in a cache. The first run may allocate and wait; later ones ask nothing of the host, so that
// they can be recorded.
Timing time_runs(Executor& executor, std::int64_t rotation, const TimingOptions& options,
                 const std::function<void(std::int64_t number)>& run);

}  // namespace cf::apps

// The learning rate as a pure function of the update: linear warmup, then a decay.
#pragma once

#include <cstdint>
#include <vector>

namespace cf::optim {

enum class ScheduleKind { Constant, Linear, Cosine, Step };

struct Schedule {
  ScheduleKind kind = ScheduleKind::Cosine;
  double peak = 0;                    // learning rate after warmup
  double min = 0;                     // at the end, for linear and cosine
  std::int64_t warmup_steps = 0;      // update i < warmup_steps has peak (i + 1) / warmup_steps
  std::int64_t total_steps = 0;       // updates of the whole training
  std::vector<std::int64_t> step_at;  // for step: updates from which on the rate is multiplied by step_factor
  double step_factor = 0.1;

  // Learning rate of update `step`, counted from 0. The decay runs from the end of the warmup to total_steps;
  // t goes from 0 to 1 over it:
  //   linear  peak + (min - peak) t      cosine  min + (peak - min) (1 + cos(pi t)) / 2
  double rate(std::int64_t step) const;
};

}  // namespace cf::optim

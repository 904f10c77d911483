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
  std::int64_t total_steps = 0;       // updates of the whole training; 0 where it is limited by time
  std::vector<std::int64_t> step_at;  // for step: updates from which on the rate is multiplied by step_factor
  double step_factor = 0.1;

  // How far the decay has come before update `step` (counted from 0): 0 up to the end of the warmup, 1 at
  // total_steps.
  double progress(std::int64_t step) const;

  // Learning rate of update `step` where the decay has come as far as `progress` in [0, 1]:
  //   linear  peak + (min - peak) progress      cosine  min + (peak - min) (1 + cos(pi progress)) / 2
  double rate(std::int64_t step, double progress) const;
  double rate(std::int64_t step) const { return rate(step, progress(step)); }
};

}  // namespace cf::optim

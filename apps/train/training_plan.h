// From durations in epochs and steps to numbers of steps.
#pragma once

#include <cstdint>

#include "apps/config/config.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace cf::apps {

struct TrainingPlan {
  std::int64_t steps_per_epoch = 0;  // whole batches; the rest of an epoch's order is left out
  std::int64_t total_steps = 0;
  std::int64_t eval_steps = 0;  // steps between two evaluations
  std::int64_t save_steps = 0;  // steps between two checkpoints; 0: by the clock
  double save_seconds = 0;      // where by the clock
  optim::Schedule schedule;
};

// A batch larger than the data, or a duration shorter than a step, is a Usage error.
TrainingPlan plan_training(const Config& config, std::int64_t training_images);

// Ranks that cannot take equally many micro-batches of a step are a Usage error.
void require_equal_shares(const Config& config, int ranks);

optim::OptimizerOptions optimizer_options(const Config& config);

}  // namespace cf::apps

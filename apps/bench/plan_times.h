// How long an inference plan takes, all of it and piece by piece.
#pragma once

#include <vector>

#include "layers/inference_plan.h"

namespace cf::apps {

// Seconds.
struct PlanTimes {
  double whole = 0;
  std::vector<double> parts;
  std::vector<std::vector<double>> kernels;  // of each part
};

// Median seconds of a part alone, again and again: what it reads may be found in a cache.
double measure_part(Executor& executor, const layers::InferencePlan& plan, const layers::PlannedPart& part);

// Medians. Each part and each of its kernels alone, again and again: what it reads may be found in a cache.
PlanTimes measure_times(Executor& executor, const layers::InferencePlan& plan);

}  // namespace cf::apps

#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cf::optim {

double Schedule::rate(std::int64_t step) const {
  if (step < warmup_steps) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  const std::int64_t span = std::max<std::int64_t>(total_steps - warmup_steps, 1);
  const double t = std::min(static_cast<double>(step - warmup_steps) / static_cast<double>(span), 1.0);
  switch (kind) {
    case ScheduleKind::Constant:
      return peak;
    case ScheduleKind::Linear:
      return peak + (min - peak) * t;
    case ScheduleKind::Cosine:
      return min + (peak - min) * 0.5 * (1.0 + std::cos(std::numbers::pi * t));
    case ScheduleKind::Step: {
      const auto passed =
          std::count_if(step_at.begin(), step_at.end(), [&](std::int64_t at) { return step >= at; });
      return peak * std::pow(step_factor, static_cast<double>(passed));
    }
  }
  return peak;
}

}  // namespace cf::optim

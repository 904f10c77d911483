#include "apps/train/step_times.h"

#include <utility>

namespace cf::apps {

void StepTimes::add_data(double seconds) {
  interval_.data += seconds;
  epoch_.data += seconds;
}

double StepTimes::end_step() {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - std::exchange(last_end_, now)).count();
  interval_.all += seconds;
  epoch_.all += seconds;
  return seconds;
}

RankTimes StepTimes::take_interval() { return std::exchange(interval_, {}); }

EpochTimes StepTimes::take_epoch() { return std::exchange(epoch_, {}); }

}  // namespace cf::apps

// Where the time of a run's steps goes on this rank.
#pragma once

#include <chrono>

#include "apps/train/rank_times.h"

namespace cf::apps {

// Seconds of steps of one epoch, or of those of it that this process has made.
struct EpochTimes {
  double all = 0;
  double data = 0;  // waiting for images
};

class StepTimes {
 public:
  // What was done since the last step is none of a step's time.
  void skip() { last_end_ = Clock::now(); }
  void add_data(double seconds);
  void add_communication(double seconds) { interval_.communication += seconds; }
  // A step has ended. Returns the seconds since the end of the one before, or since skip().
  double end_step();

  // Since they were taken last.
  RankTimes take_interval();
  EpochTimes take_epoch();

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point last_end_ = Clock::now();
  RankTimes interval_;
  EpochTimes epoch_;
};

}  // namespace cf::apps

// The progress line of commands that go through all records of a data set.
#pragma once

#include <chrono>
#include <string>

#include "apps/console/progress.h"
#include "data/pack.h"

namespace cf::apps {

class RecordProgress {
 public:
  RecordProgress(std::string title, std::int64_t records) : bar_(std::move(title), records) {}

  // For data::pack() and data::verify(): images and bytes a second, time left. Must not outlive this object.
  data::OnProgress callback();
  void clear() { bar_.clear(); }
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  Progress bar_;
  Clock::time_point start_ = Clock::now();
};

// "2,310 images/s, 254 MB/s"; empty while no time has passed.
std::string rate_text(std::int64_t images, std::int64_t bytes, double seconds);

}  // namespace cf::apps

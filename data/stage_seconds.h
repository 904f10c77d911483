// Where the time of preparing images goes.
#pragma once

#include <chrono>

namespace cf::data {

// Seconds of one thread, or summed over several.
struct StageSeconds {
  double read = 0, decode = 0, resize = 0;
  double augment = 0;  // what is behind the resize: colour, erasing, and the way from there into the batch

  double total() const { return read + decode + resize + augment; }
  StageSeconds& operator+=(const StageSeconds& other) {
    read += other.read;
    decode += other.decode;
    resize += other.resize;
    augment += other.augment;
    return *this;
  }
  StageSeconds operator-(const StageSeconds& other) const {
    return {read - other.read, decode - other.decode, resize - other.resize, augment - other.augment};
  }
};

// Divides the time from its start into stages.
class StageClock {
 public:
  // Gives the time since the start, or since the stage before ended, to this one.
  void end_of(double& stage) {
    const auto now = std::chrono::steady_clock::now();
    stage += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace cf::data

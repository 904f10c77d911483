// What of a training step goes to communication: where a GPU takes the time around its sums, and what the
// host makes of that.
#pragma once

#include <cstdint>
#include <span>

#include "framework/runtime/executor.h"

namespace cf {

// Seconds of one step of one rank.
struct CommunicationTimes {
  double sums = 0;    // in collectives, the wait for other ranks included
  double waited = 0;  // of that, what computing does not hide
};

// Takes times on a GPU in the order of its work: nothing waits for the host, which reads them with the other
// outputs of the step. Each of its functions gives work to the stream, which may be being recorded.
class CommunicationClock {
 public:
  // Of steps with `collectives` collectives, or groups of them.
  CommunicationClock(Executor& executor, std::size_t collectives);

  // In the stream of communication, before and behind the collectives one by one.
  void begin_collective(const GpuStream& stream);
  void end_collective(const GpuStream& stream);
  // In the stream that computes, before it waits for the last collective.
  void end_computing(const GpuStream& stream);
  // Before the first collective of a step.
  void begin_step() { taken_ = kFirst; }

  // What was taken, int64 [I], for read().
  const Tensor& times() const { return times_; }
  static CommunicationTimes read(std::span<const std::int64_t> times);

 private:
  static constexpr std::size_t kFirst = 1;  // of the collectives' pairs; before them the end of computing

  void take(std::size_t at, const GpuStream& stream) const;

  Tensor times_;
  std::size_t taken_ = kFirst;
};

}  // namespace cf

#include "framework/parallel/communication_times.h"

#include <algorithm>

#include "framework/parallel/gpu_clock.h"

namespace cf {

CommunicationClock::CommunicationClock(Executor& executor, std::size_t collectives)
    : times_(executor.zeros(DType::Int64, Shape(I{static_cast<std::int64_t>(kFirst + 2 * collectives)}))) {}

void CommunicationClock::take(std::size_t at, const GpuStream& stream) const {
  const auto times = times_.flat<std::int64_t>();
  CF_CHECK(at < static_cast<std::size_t>(times.size()), "a step has more collectives than the ",
           (static_cast<std::size_t>(times.size()) - kFirst) / 2, " whose times are taken");
  write_gpu_time(stream, times.data() + at);
}

void CommunicationClock::begin_collective(const GpuStream& stream) { take(taken_++, stream); }
void CommunicationClock::end_collective(const GpuStream& stream) { take(taken_++, stream); }
void CommunicationClock::end_computing(const GpuStream& stream) { take(0, stream); }

CommunicationTimes CommunicationClock::read(std::span<const std::int64_t> times) {
  constexpr double kNanosecond = 1e-9;
  const std::int64_t computed = times.front();
  CommunicationTimes seconds;
  for (std::size_t i = kFirst; i + 1 < times.size(); i += 2) {
    const std::int64_t begin = times[i], end = times[i + 1];
    seconds.sums += kNanosecond * static_cast<double>(end - begin);
    if (end > computed) seconds.waited += kNanosecond * static_cast<double>(end - std::max(begin, computed));
  }
  return seconds;
}

}  // namespace cf

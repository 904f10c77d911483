#include "apps/bench/comm_benchmark.h"

#include <algorithm>
#include <chrono>

#include "framework/runtime/captured_work.h"
#include "kernels/base/philox.h"

namespace cf::apps {

namespace {

using Clock = std::chrono::steady_clock;

// Sums of one measurement, the same on all ranks: together long against a launch, and so few that numbers
// which grow with each of them stay finite.
int runs_of(std::int64_t bytes) {
  constexpr std::int64_t kBytesTogether = std::int64_t{64} << 20;
  return static_cast<int>(std::clamp<std::int64_t>(kBytesTogether / bytes, 1, 32));
}

Tensor small_values(Executor& executor, std::int64_t count, int rank) {
  Philox philox(1, Purpose::SyntheticData, static_cast<std::uint64_t>(rank));
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    constexpr std::size_t kDrawn = 1 << 16;  // then again from the first
    values[i] = i < kDrawn ? 1e-20F * philox.normal() : values[i - kDrawn];
  }
  return executor.place<float>(values, Shape(I{count}));
}

// Replays between events; what they sum is new each time.
std::vector<double> gpu_seconds(Executor& executor, Communicator& ranks, const Tensor& from,
                                const Tensor& sum, int runs, int samples) {
  const GpuStream& stream = *executor.stream();
  const CapturedWork work(executor, [&] {
    for (int i = 0; i < runs; ++i) ranks.sum_over_ranks(sum, &stream);
  });
  const Tensor meeting = executor.zeros(DType::Float32, Shape(I{1}));
  std::vector<double> seconds;
  for (int i = -1; i < samples; ++i) {  // the first does not count
    GpuEvent begin, end;
    executor.copy(from, sum);
    ranks.sum_over_ranks(meeting, &stream);  // all ranks begin together
    begin.record(stream);
    work.replay();
    end.record(stream);
    ranks.wait_for_gpu([&] { end.synchronize(); });
    if (i >= 0) seconds.push_back(1e-3 * end.milliseconds_since(begin) / runs);
  }
  return seconds;
}

std::vector<double> host_seconds(Executor& executor, Communicator& ranks, const Tensor& from,
                                 const Tensor& sum, int runs, int samples) {
  std::vector<double> seconds;
  for (int i = -1; i < samples; ++i) {
    executor.copy(from, sum);
    ranks.barrier();
    const auto begin = Clock::now();
    for (int run = 0; run < runs; ++run) ranks.sum_over_ranks(sum, executor.stream());
    executor.synchronize();
    if (i >= 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count() / runs);
  }
  return seconds;
}

}  // namespace

std::vector<CommTiming> time_all_reduce(Executor& executor, Communicator& ranks, std::int64_t most_bytes,
                                        int samples) {
  std::vector<CommTiming> timings;
  for (std::int64_t bytes = 1024; bytes <= most_bytes; bytes *= 4) {
    const std::int64_t count = bytes / static_cast<std::int64_t>(sizeof(float));
    const Tensor from = small_values(executor, count, ranks.rank());
    const Tensor sum = executor.zeros(DType::Float32, Shape(I{count}));
    const auto time = CapturedWork::is_possible(executor) ? gpu_seconds : host_seconds;
    timings.push_back(
        {.bytes = bytes, .seconds = spread_of(time(executor, ranks, from, sum, runs_of(bytes), samples))});
  }
  return timings;
}

}  // namespace cf::apps

// What of a step's communication computing hides, from times that its GPU took.

#include "framework/parallel/communication_times.h"

#include <gtest/gtest.h>

#include <array>

#include "framework/runtime/captured_work.h"

namespace cf {
namespace {

constexpr double kNanosecond = 1e-9;

// The end of computing, then the begin and the end of each collective.
TEST(CommunicationTimes, CountsAsNotHiddenWhatIsBehindTheEndOfComputing) {
  const std::array<std::int64_t, 7> times{5'000, 1'000, 1'400, 4'900, 5'200, 5'200, 5'900};
  const CommunicationTimes seconds = CommunicationClock::read(times);
  EXPECT_DOUBLE_EQ(seconds.sums, 1'400 * kNanosecond);
  EXPECT_DOUBLE_EQ(seconds.waited, 900 * kNanosecond);
}

TEST(CommunicationTimes, HidesAllThatEndsBeforeComputingDoes) {
  const std::array<std::int64_t, 5> times{5'000, 1'000, 1'400, 4'000, 4'999};
  EXPECT_DOUBLE_EQ(CommunicationClock::read(times).waited, 0);
  EXPECT_DOUBLE_EQ(CommunicationClock::read(times).sums, 1'399 * kNanosecond);
}

TEST(CommunicationTimes, AreTakenInTheOrderOfAGpusWork) {
  if (const GpuCount gpus = count_gpus(); gpus.count == 0) GTEST_SKIP() << gpus.why_none;
  constexpr std::int64_t kBytes = std::int64_t{1} << 26;
  const auto executor = Executor::cuda(0, DType::Float32);
  const Tensor memory = executor->zeros(DType::UInt8, Shape(I{kBytes}));
  CommunicationClock clock(*executor, 2);
  const GpuStream& stream = *executor->stream();
  const CapturedWork work(*executor, [&] {
    clock.begin_step();
    clock.begin_collective(stream);
    executor->zero(memory);
    clock.end_collective(stream);
    clock.end_computing(stream);
    clock.begin_collective(stream);
    executor->zero(memory);
    clock.end_collective(stream);
  });
  std::int64_t before = 0;
  for (int replay = 0; replay < 2; ++replay) {
    work.replay();
    const auto times = executor->values<std::int64_t>(clock.times());
    EXPECT_GT(times[1], before);
    EXPECT_GT(times[2], times[1]);
    EXPECT_GE(times[0], times[2]);
    EXPECT_GE(times[3], times[0]);
    EXPECT_GT(times[4], times[3]);
    const CommunicationTimes seconds = CommunicationClock::read(times);
    EXPECT_GT(seconds.sums, 1e-6);  // 64 MiB at less than 64 TB/s
    EXPECT_LT(seconds.sums, 1);
    EXPECT_LT(seconds.waited, seconds.sums);
    before = times[4];
  }
}

TEST(CommunicationTimes, AreTakenOfSoManyCollectivesOnly) {
  if (const GpuCount gpus = count_gpus(); gpus.count == 0) GTEST_SKIP() << gpus.why_none;
  const auto executor = Executor::cuda(0, DType::Float32);
  CommunicationClock clock(*executor, 1);
  clock.begin_collective(*executor->stream());
  clock.end_collective(*executor->stream());
  EXPECT_THROW(clock.begin_collective(*executor->stream()), Error);
}

}  // namespace
}  // namespace cf

// What a benchmark says about its measurements, and how it takes them.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/bench/device_limits.h"
#include "apps/bench/timing.h"
#include "apps/execution/device_name.h"

namespace cf::apps {
namespace {

TEST(BenchSpread, OfKnownSamples) {
  const Spread spread = spread_of({5, 1, 4, 2, 3, 11, 9, 10, 7, 8, 6});
  EXPECT_DOUBLE_EQ(spread.median, 6);
  EXPECT_DOUBLE_EQ(spread.p10, 2);
  EXPECT_DOUBLE_EQ(spread.p90, 10);
  EXPECT_DOUBLE_EQ(spread.least, 1);
  EXPECT_DOUBLE_EQ(spread.most, 11);
  EXPECT_DOUBLE_EQ(spread.mean, 6);
  EXPECT_NEAR(spread.deviation, std::sqrt(11.0), 1e-12);
  EXPECT_EQ(spread.samples, 11);
}

TEST(BenchSpread, InterpolatesBetweenNeighbours) {
  const Spread spread = spread_of({3, 1});
  EXPECT_DOUBLE_EQ(spread.median, 2);
  EXPECT_DOUBLE_EQ(spread.p10, 1.2);
  EXPECT_DOUBLE_EQ(spread.p90, 2.8);
  const Spread one = spread_of({7});
  EXPECT_DOUBLE_EQ(one.p10, 7);
  EXPECT_DOUBLE_EQ(one.p90, 7);
  EXPECT_DOUBLE_EQ(one.deviation, 0);
  EXPECT_THROW(spread_of({}), Error);
}

TEST(BenchSpread, JsonNamesEveryNumber) {
  const auto json = as_json(spread_of({1, 2, 3}));
  for (const char* name : {"median", "p10", "p90", "min", "max", "mean", "deviation", "samples"}) {
    EXPECT_TRUE(json.contains(name)) << name;
  }
}

TEST(BenchTiming, WalksThroughEveryCopyInTurn) {
  const auto executor = Executor::cpu(1);
  std::vector<std::int64_t> numbers;
  const Timing timing = time_runs(*executor, 3, {.samples = 7, .warmup_runs = 4},
                                  [&](std::int64_t number) { numbers.push_back(number); });
  EXPECT_EQ(timing.seconds.samples, 7);
  EXPECT_EQ(timing.runs_per_sample, 1);
  EXPECT_FALSE(timing.in_graph);
  EXPECT_GE(numbers.size(), 11U);
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], static_cast<std::int64_t>(i % 3));
}

TEST(BenchTiming, IsTheTimeOfOneRun) {
  using std::chrono::milliseconds;
  const auto executor = Executor::cpu(1);
  const Timing timing = time_runs(*executor, 1, {.samples = 5, .sample_seconds = 0.02},
                                  [](std::int64_t) { std::this_thread::sleep_for(milliseconds(5)); });
  EXPECT_GE(timing.seconds.least, 0.005);
  EXPECT_LT(timing.seconds.least, 0.02);  // a measurement's four runs together take more
  EXPECT_GE(timing.runs_per_sample, 2);
}

TEST(BenchTiming, TakesFewerSamplesWhereTimeIsShort) {
  using std::chrono::milliseconds;
  const auto executor = Executor::cpu(1);
  const Timing timing = time_runs(*executor, 1, {.samples = 1000, .most_seconds = 0.02},
                                  [](std::int64_t) { std::this_thread::sleep_for(milliseconds(4)); });
  EXPECT_EQ(timing.seconds.samples, kLeastSamples);
}

TEST(BenchLimits, TheSlowerOfMemoryAndArithmeticBinds) {
  const DeviceLimits limits{.bytes_per_second = 100, .flops_per_second = 1000};
  EXPECT_DOUBLE_EQ(limits.seconds(1000, 50), 1);
  EXPECT_DOUBLE_EQ(limits.seconds(1000, 300), 3);
  EXPECT_DOUBLE_EQ(limits.seconds(0, 50), 0.5);
}

TEST(BenchLimits, AreMeasuredOnTheProcessor) {
  const auto executor = Executor::cpu(2);
  const DeviceLimits limits = measure_limits(*executor, DType::Float32);
  EXPECT_GT(limits.bytes_per_second, 1e7);
  EXPECT_LT(limits.bytes_per_second, 1e13);
  EXPECT_GT(limits.flops_per_second, 1e7);
  EXPECT_LT(limits.flops_per_second, 1e15);
  EXPECT_GT(last_cache_bytes(*executor), 0);
  EXPECT_NE(device_name(*executor).find("2 threads"), std::string::npos);
}

}  // namespace
}  // namespace cf::apps

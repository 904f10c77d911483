// Learning rates against values computed by hand.
#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cf::optim {
namespace {

Schedule schedule(ScheduleKind kind) {
  return {.kind = kind, .peak = 0.8, .min = 0.2, .warmup_steps = 4, .total_steps = 12, .step_at = {}};
}

constexpr double kExact = 1e-15;

TEST(Schedule, WarmupRisesLinearlyAndEndsAtThePeak) {
  for (const auto kind :
       {ScheduleKind::Constant, ScheduleKind::Linear, ScheduleKind::Cosine, ScheduleKind::Step}) {
    const Schedule s = schedule(kind);
    EXPECT_NEAR(s.rate(0), 0.2, kExact);
    EXPECT_NEAR(s.rate(1), 0.4, kExact);
    EXPECT_NEAR(s.rate(2), 0.6, kExact);
    EXPECT_NEAR(s.rate(3), 0.8, kExact);
    EXPECT_NEAR(s.rate(4), 0.8, kExact);
  }
}

TEST(Schedule, Constant) {
  const Schedule s = schedule(ScheduleKind::Constant);
  EXPECT_EQ(s.rate(5), 0.8);
  EXPECT_EQ(s.rate(11), 0.8);
  EXPECT_EQ(s.rate(1000), 0.8);
}

TEST(Schedule, Linear) {
  const Schedule s = schedule(ScheduleKind::Linear);
  EXPECT_NEAR(s.rate(6), 0.65, kExact);    // 0.8 - 0.6 * 2/8
  EXPECT_NEAR(s.rate(8), 0.5, kExact);     // half way
  EXPECT_NEAR(s.rate(11), 0.275, kExact);  // 0.8 - 0.6 * 7/8
  EXPECT_NEAR(s.rate(12), 0.2, kExact);
  EXPECT_NEAR(s.rate(100), 0.2, kExact);  // and no further
}

TEST(Schedule, Cosine) {
  const Schedule s = schedule(ScheduleKind::Cosine);
  EXPECT_NEAR(s.rate(6), 0.5 + 0.3 * std::sqrt(0.5), kExact);  // cos(pi / 4)
  EXPECT_NEAR(s.rate(8), 0.5, kExact);
  EXPECT_NEAR(s.rate(10), 0.5 - 0.3 * std::sqrt(0.5), kExact);
  EXPECT_NEAR(s.rate(12), 0.2, kExact);
  EXPECT_NEAR(s.rate(13), 0.2, kExact);
}

TEST(Schedule, StepMultipliesFromEachBoundaryOn) {
  Schedule s = schedule(ScheduleKind::Step);
  s.step_at = {6, 9};
  s.step_factor = 0.5;
  EXPECT_NEAR(s.rate(5), 0.8, kExact);
  EXPECT_NEAR(s.rate(6), 0.4, kExact);
  EXPECT_NEAR(s.rate(8), 0.4, kExact);
  EXPECT_NEAR(s.rate(9), 0.2, kExact);
  EXPECT_NEAR(s.rate(50), 0.2, kExact);
}

TEST(Schedule, WithoutWarmupTheFirstUpdateHasThePeak) {
  Schedule s = schedule(ScheduleKind::Cosine);
  s.warmup_steps = 0;
  EXPECT_EQ(s.rate(0), 0.8);
  EXPECT_NEAR(s.rate(6), 0.5, kExact);
}

TEST(Schedule, AllOfItMayBeWarmup) {
  Schedule s = schedule(ScheduleKind::Cosine);
  s.warmup_steps = s.total_steps;
  EXPECT_NEAR(s.rate(11), 0.8, kExact);
  EXPECT_TRUE(std::isfinite(s.rate(12)));
}

}  // namespace
}  // namespace cf::optim

// What a sweep over blocks measures, and the width where fusion stops paying.
#include <gtest/gtest.h>

#include <array>

#include "apps/bench/block_sweep.h"
#include "apps/bench/fusion_limit.h"
#include "apps/number_list.h"

namespace cf::apps {
namespace {

TEST(FusionLimit, IsTheFirstWidthFromWhichOnFusedIsNotFaster) {
  const auto stops = [](const std::array<double, 4>& fused) {
    const std::array<WidthTimes, 4> widths{
        {{16, 1, fused[0]}, {32, 1, fused[1]}, {64, 1, fused[2]}, {96, 1, fused[3]}}};
    return width_where_fusion_stops(widths);
  };
  EXPECT_EQ(stops({0.5, 0.6, 0.9, 0.99}), std::nullopt);
  EXPECT_EQ(stops({0.5, 0.6, 0.9, 1 - 1e-9}), 96);
  EXPECT_EQ(stops({0.5, 1.1, 1.2, 1.3}), 32);
  EXPECT_EQ(stops({1.1, 1.1, 1.2, 1.3}), 16);
  EXPECT_EQ(stops({0.5, 1.1, 0.9, 1.3}), 96) << "slower at one width only";
  EXPECT_EQ(width_where_fusion_stops({}), std::nullopt);
}

TEST(SweepShapes, AreAllCombinationsThatCanBeFused) {
  const SweepGrid grid{.widths = {16, 32}, .expansions = {4, 6}, .sizes = {14}, .batches = {1, 8}};
  EXPECT_EQ(sweep_shapes(grid, false, "").size(), 16U);
  EXPECT_EQ(sweep_shapes(grid, true, "").size(), 8U) << "of MBConv only inference is fused";
  EXPECT_EQ(sweep_shapes(grid, false, "mbconv N=8 E=4").size(), 2U);
  EXPECT_TRUE(sweep_shapes(grid, false, "C=64").empty());
  const auto shapes = sweep_shapes(grid, false, "convfirst N=1 E=6");
  ASSERT_EQ(shapes.size(), 2U);
  EXPECT_EQ(shapes[0].channels, 16);
  EXPECT_EQ(shapes[1].channels, 32);
}

// Fused, a block is one kernel that reads x and writes y; layer by layer the hidden layer is written and
// read.
TEST(SweepBlock, PredictsFromTheKernelsOfBothWays) {
  const auto executor = Executor::cpu(1);
  const DeviceLimits limits{.bytes_per_second = 1e9, .flops_per_second = 1e15};
  const BlockCase shape{"convfirst", 2, 5, 16, 3};
  const SweepResult result = sweep_block(*executor, shape, limits, 0, {.samples = 1});
  const double image = 4.0 * 2 * 25 * 16, weights = 4.0 * (16 * 72 + 2 * 16 * 48);
  EXPECT_EQ(result.layers.kernels, 3);
  // conv x -> u; expand u -> h; project h, x -> y
  EXPECT_NEAR(1e9 * result.layers.predicted, (2 + 1 + 3 + 3 + 2) * image + weights, 1);
  ASSERT_TRUE(result.fused) << result.why_not_fused;
  EXPECT_EQ(result.fused->kernels, 1);
  EXPECT_NEAR(1e9 * result.fused->predicted, 2 * image + weights, 1);
  EXPECT_GT(result.layers.timing.seconds.median, 0);
  EXPECT_GT(result.fused->timing.seconds.median, 0);
}

TEST(NumberList, IsWholeNumbersFromOne) {
  EXPECT_EQ(parse_numbers("--size", "224", "pixels"), (std::vector{224}));
  EXPECT_EQ(parse_numbers("--size", "224,8", "pixels"), (std::vector{224, 8}));
  for (const char* wrong : {"", "0", "-8", "8,", ",8", "8 16", "x", "8.5", "99999999999"})
    EXPECT_THROW(parse_numbers("--size", wrong, "pixels"), Error) << wrong;
}

}  // namespace
}  // namespace cf::apps

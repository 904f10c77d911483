#include "apps/train/rank_times.h"

#include <gtest/gtest.h>

#include <vector>

namespace cf::apps {
namespace {

using Ranks = std::vector<RankTimes>;

TEST(RankTimes, TheRankThatOthersWaitForIsTheSlowest) {
  const Ranks ranks{{.all = 10, .data = 1, .communication = 4},
                    {.all = 10, .data = 1, .communication = 4},
                    {.all = 10, .data = 1, .communication = 1}};
  const auto slowest = slowest_rank(ranks);
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->rank, 2);
  EXPECT_EQ(slowest->cause, "compute");
}

TEST(RankTimes, TheCauseIsWhatItHasMoreOfThanTheOthers) {
  // Computes longer than it waits for images, but so do the others.
  const Ranks ranks{{.all = 10, .data = 3, .communication = 0.5}, {.all = 10, .data = 0, .communication = 3}};
  const auto slowest = slowest_rank(ranks);
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->rank, 0);
  EXPECT_EQ(slowest->cause, "data");
}

TEST(RankTimes, SharesCountAndNotSeconds) {
  const Ranks ranks{{.all = 20, .data = 0, .communication = 8}, {.all = 10, .data = 0, .communication = 1}};
  const auto slowest = slowest_rank(ranks);
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->rank, 1);
}

TEST(RankTimes, NoneStandsOut) {
  EXPECT_FALSE(slowest_rank(Ranks{{.all = 10, .data = 5, .communication = 0}}));
  EXPECT_FALSE(slowest_rank(
      Ranks{{.all = 10, .data = 1, .communication = 2}, {.all = 10, .data = 2, .communication = 1.1}}));
  // One waits for images while the other computes: neither waits for the other.
  EXPECT_FALSE(slowest_rank(
      Ranks{{.all = 10, .data = 5, .communication = 1}, {.all = 10, .data = 0, .communication = 1}}));
}

}  // namespace
}  // namespace cf::apps

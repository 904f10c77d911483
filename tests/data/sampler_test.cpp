#include "data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace cf::data {
namespace {

TEST(EpochOrder, IsAPermutationForEverySize) {
  for (const std::int64_t size : {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 1000, 4097}) {
    for (const std::int64_t epoch : {0, 1, 70000}) {
      const EpochOrder order(size, Shuffle::Full, 3, epoch);
      std::set<std::int64_t> seen;
      for (std::int64_t i = 0; i < size; ++i) seen.insert(order(i));
      EXPECT_EQ(std::ssize(seen), size);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), size - 1);
    }
  }
}

// Every sample is equally likely at every position: chi-square over seeds, and neighbours do not stay
// together.
TEST(EpochOrder, IsUniformAndDiffersBySeedAndEpoch) {
  constexpr int kSize = 24, kOrders = 6000;
  std::vector<int> counts(kSize * kSize);
  int neighbours = 0;
  for (int i = 0; i < kOrders; ++i) {
    const EpochOrder order(kSize, Shuffle::Full, static_cast<std::uint64_t>(i / 2), i % 2);
    for (int p = 0; p < kSize; ++p) ++counts[static_cast<std::size_t>(p * kSize + order(p))];
    for (int p = 1; p < kSize; ++p) neighbours += order(p) == order(p - 1) + 1;
  }
  const double expected = static_cast<double>(kOrders) / kSize;
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 529 + 5 * 32.5);  // (kSize - 1)^2 degrees of freedom, deviation sqrt(2 * 529)
  const double expected_neighbours = static_cast<double>(kOrders) * (kSize - 1) / kSize;
  EXPECT_NEAR(neighbours, expected_neighbours, 5 * std::sqrt(expected_neighbours));
}

// The samples of each window are those of its blocks.
TEST(EpochOrder, ByBlocksIsAPermutationThatReadsRuns) {
  for (const std::int64_t size : {1, 31, 32, 33, 1000, 16384, 16385, 40007}) {
    const EpochOrder order(size, Shuffle::Block, 3, size % 2);
    std::vector<bool> seen(static_cast<std::size_t>(size));
    for (std::int64_t begin = 0; begin < size; begin += EpochOrder::kWindow) {
      const std::int64_t end = std::min(size, begin + EpochOrder::kWindow);
      std::vector<std::int64_t> wanted, found;
      for (std::int64_t slot = begin / EpochOrder::kBlock; slot * EpochOrder::kBlock < end; ++slot) {
        const auto run = order.run_of_slot(slot);
        for (std::int64_t i = 0; i < run.count; ++i) wanted.push_back((run.first + i) % size);
      }
      for (std::int64_t i = begin; i < end; ++i) {
        found.push_back(order(i));
        seen[static_cast<std::size_t>(found.back())] = true;
      }
      std::sort(wanted.begin(), wanted.end());
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, wanted) << size;
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), size);
  }
}

TEST(EpochOrder, BlocksDifferByEpochAndMixWithinAWindow) {
  constexpr std::int64_t kSize = 40007;
  const EpochOrder first(kSize, Shuffle::Block, 3, 0), second(kSize, Shuffle::Block, 3, 1);
  constexpr std::int64_t last = kSize / EpochOrder::kBlock;
  EXPECT_NE(first.run_of_slot(0).first, second.run_of_slot(0).first);
  EXPECT_NE(first.run_of_slot(last).first, second.run_of_slot(last).first) << "the same samples come last";
  int neighbours = 0;
  for (std::int64_t i = 1; i < kSize; ++i)
    neighbours += std::abs(first(i) - first(i - 1)) < EpochOrder::kBlock;
  EXPECT_LT(neighbours, kSize / 100);
}

TEST(EpochOrder, WithoutShuffleIsTheStoredOrder) {
  const EpochOrder order(10, Shuffle::None, 1, 1);
  for (std::int64_t i = 0; i < 10; ++i) EXPECT_EQ(order(i), i);
}

}  // namespace
}  // namespace cf::data

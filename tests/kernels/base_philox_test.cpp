#include "kernels/base/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace cf {
namespace {

// The known answers that come with Random123, the authors' library.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0, 0), (Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, ones, ones),
            (Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<std::uint32_t> first_bits(Philox draw) {
  std::vector<std::uint32_t> bits(9);
  for (auto& value : bits) value = draw.bits();
  return bits;
}

// A checkpoint stores no generator state: the numbers of a stream are part of its format.
TEST(Philox, StreamsAreWhatTheyWere) {
  const auto bits = first_bits(Philox(7, Purpose::Dropout, 3, 11));
  Philox4 block = philox4x32({0, 3, 11, 0}, 7u ^ (5u * 0x85EBCA6Bu), 0);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(bits[i], block[i]);
  block = philox4x32({1, 3, 11, 0}, 7u ^ (5u * 0x85EBCA6Bu), 0);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(bits[4 + i], block[i]);
}

TEST(Philox, BlocksAreTheNumbersOfTheStream) {
  Philox draw(9, Purpose::Test, 2, 5);
  for (std::uint32_t index = 0; index < 5; ++index) {
    for (const auto expected : Philox(9, Purpose::Test, 2, 5).block(index)) EXPECT_EQ(draw.bits(), expected);
  }
}

TEST(Philox, EveryArgumentChangesTheStream) {
  constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;
  std::set<std::vector<std::uint32_t>> streams;
  std::size_t count = 0;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, kHigh}) {
    for (const auto purpose : {Purpose::Initialisation, Purpose::Augmentation, Purpose::Test}) {
      for (const std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{1}, 2 * kHigh}) {
        for (const std::uint64_t sample : {std::uint64_t{0}, std::uint64_t{1}, kHigh}) {
          streams.insert(first_bits(Philox(seed, purpose, epoch, sample)));
          ++count;
        }
      }
    }
  }
  EXPECT_EQ(streams.size(), count);
}

TEST(Philox, UniformFillsTheUnitInterval) {
  Philox draw(1, Purpose::Test);
  std::vector<int> bins(64);
  constexpr int kDraws = 64'000;
  for (int i = 0; i < kDraws; ++i) {
    const float value = draw.uniform();
    ASSERT_TRUE(value >= 0.0f && value < 1.0f);
    ++bins[static_cast<std::size_t>(value * 64)];
  }
  double chi_square = 0;  // 63 degrees of freedom: mean 63, deviation 11
  for (const int bin : bins) chi_square += (bin - 1000.0) * (bin - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 63 + 5 * 11.3);
  EXPECT_GT(chi_square, 63 - 5 * 11.3);
}

TEST(Philox, BelowIsUniformAndInRange) {
  Philox draw(2, Purpose::Test);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[draw.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5 * std::sqrt(10'000 * 6.0 / 7));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(draw.below(1), 0u);
  constexpr std::uint64_t kLarge = (std::uint64_t{1} << 63) + 1;
  bool upper_half = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = draw.below(kLarge);
    ASSERT_LT(value, kLarge);
    upper_half = upper_half || value > kLarge / 2;
  }
  EXPECT_TRUE(upper_half);
}

TEST(Philox, NormalHasTheMomentsOfTheNormalDistribution) {
  Philox draw(3, Purpose::Test);
  constexpr int kDraws = 100'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = static_cast<double>(draw.normal());
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
  }
  const double deviation = std::sqrt(1.0 / kDraws);  // of a mean over all draws
  EXPECT_NEAR(sum / kDraws, 0, 5 * deviation);
  EXPECT_NEAR(squares / kDraws, 1, 5 * deviation * std::sqrt(2.0));
  EXPECT_NEAR(fourth / kDraws, 3, 5 * deviation * std::sqrt(96.0));
}

TEST(Philox, UniformBetweenBoundsStaysInside) {
  Philox draw(4, Purpose::Test);
  for (int i = 0; i < 100'000; ++i) {
    const float value = draw.uniform(0.08f, 1.0f);
    ASSERT_TRUE(value >= 0.08f && value <= 1.0f) << value;
  }
}

}  // namespace
}  // namespace cf

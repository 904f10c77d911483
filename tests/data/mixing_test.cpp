#include "data/mixing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace cf::data {
namespace {

constexpr ImageSize kMixedSize{20, 30};
constexpr int kMixedDraws = 4000;

bool equal(const PairMix& a, const PairMix& b) {
  return a.share == b.share && a.box == b.box && a.label_share == b.label_share;
}

bool is_plain(const PairMix& mix) { return equal(mix, {}); }

// Mean and variance of Beta(a, a): 1/2 and 1 / (4 (2a + 1)); below, at and above the shapes where the draw
// takes another way.
TEST(Mixing, SharesOfMixupAreBetaDistributed) {
  for (const double alpha : {0.01, 0.2, 1.0, 3.0}) {
    double sum = 0, squares = 0;
    for (int pair = 0; pair < kMixedDraws; ++pair) {
      const PairMix mix = draw_pair_mix({.mixup = alpha}, 3, 5, pair, kMixedSize);
      ASSERT_GE(mix.share, 0);
      ASSERT_LE(mix.share, 1);
      EXPECT_EQ(mix.box, PixelBox{});
      EXPECT_EQ(mix.label_share, mix.share);
      sum += static_cast<double>(mix.share);
      squares += std::pow(static_cast<double>(mix.share) - 0.5, 2);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(sum / kMixedDraws, 0.5, 4 * std::sqrt(variance / kMixedDraws)) << alpha;
    EXPECT_NEAR(squares / kMixedDraws, variance, 0.08 * variance) << alpha;
  }
}

TEST(Mixing, BoxesOfCutmixLieInTheImageAndDecideTheLabels) {
  constexpr ImageSize kLarge{200, 300};
  double label_shares = 0;
  bool touches_each_edge[4] = {};
  for (int pair = 0; pair < kMixedDraws; ++pair) {
    const PairMix mix = draw_pair_mix({.cutmix = 1}, 3, 5, pair, kLarge);
    const PixelBox& box = mix.box;
    EXPECT_EQ(mix.share, 1);
    ASSERT_TRUE(box.top >= 0 && box.left >= 0 && box.height >= 0 && box.width >= 0);
    ASSERT_TRUE(box.top + box.height <= kLarge.height && box.left + box.width <= kLarge.width);
    EXPECT_FLOAT_EQ(mix.label_share, 1 - static_cast<float>(box.height * box.width) /
                                             static_cast<float>(kLarge.height * kLarge.width));
    label_shares += static_cast<double>(mix.label_share);
    touches_each_edge[0] |= box.height > 0 && box.top == 0;
    touches_each_edge[1] |= box.width > 0 && box.left == 0;
    touches_each_edge[2] |= box.height > 0 && box.top + box.height == kLarge.height;
    touches_each_edge[3] |= box.width > 0 && box.left + box.width == kLarge.width;
  }
  // Half of the image on average before boxes are cut off at the edges, which takes a third of that.
  EXPECT_NEAR(label_shares / kMixedDraws, 0.68, 0.02);
  EXPECT_TRUE(
      std::all_of(std::begin(touches_each_edge), std::end(touches_each_edge), [](bool b) { return b; }));
}

TEST(Mixing, ProbabilitiesAreKept) {
  int mixed = 0, cut = 0;
  const MixOptions options{.mixup = 1, .cutmix = 1, .probability = 0.6, .switch_probability = 0.25};
  for (int pair = 0; pair < kMixedDraws; ++pair) {
    const PairMix mix = draw_pair_mix(options, 9, 0, pair, {200, 200});
    if (is_plain(mix)) continue;
    ++mixed;
    cut += mix.box != PixelBox{};
  }
  EXPECT_NEAR(mixed, 0.6 * kMixedDraws, 4 * std::sqrt(0.24 * kMixedDraws));
  EXPECT_NEAR(cut, 0.25 * mixed, 4 * std::sqrt(0.19 * mixed));
  EXPECT_TRUE(is_plain(draw_pair_mix({.mixup = 1, .cutmix = 1, .probability = 0}, 9, 0, 1, kMixedSize)));
  EXPECT_TRUE(is_plain(draw_pair_mix({}, 9, 0, 1, kMixedSize)));
}

TEST(Mixing, DiffersBySeedStepAndPairOnly) {
  const MixOptions options{.mixup = 1};
  const PairMix mix = draw_pair_mix(options, 1, 2, 3, kMixedSize);
  EXPECT_TRUE(equal(mix, draw_pair_mix(options, 1, 2, 3, {7, 7})));
  EXPECT_FALSE(equal(mix, draw_pair_mix(options, 2, 2, 3, kMixedSize)));
  EXPECT_FALSE(equal(mix, draw_pair_mix(options, 1, 3, 3, kMixedSize)));
  EXPECT_FALSE(equal(mix, draw_pair_mix(options, 1, 2, 4, kMixedSize)));
}

}  // namespace
}  // namespace cf::data

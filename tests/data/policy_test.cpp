#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "data/transforms/appearance.h"
#include "data/transforms/rand_augment.h"
#include "data/transforms/trivial_augment.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"

namespace cf::data {
namespace {

constexpr ImageSize kAugmentedSize{100, 200};

TEST(RandAugment, ReadsTimmsNotation) {
  const RandAugment policy = parse_rand_augment("rand-m9-n3-mstd0.5-mmax12-inc1-p0.25");
  EXPECT_EQ(policy.magnitude, 9);
  EXPECT_EQ(policy.count, 3);
  EXPECT_EQ(policy.deviation, 0.5);
  EXPECT_EQ(policy.most, 12);
  EXPECT_TRUE(policy.increasing);
  EXPECT_EQ(policy.probability, 0.25);
  EXPECT_EQ(parse_rand_augment("rand").count, 2);
  EXPECT_TRUE(std::isinf(parse_rand_augment("rand-mstd101").deviation));
  EXPECT_FALSE(parse_rand_augment("rand-inc0").increasing);
  for (const char* text : {"", "augmix-m3", "rand-m", "rand-x3", "rand-m9-", "rand-m9x", "rand-n0",
                           "rand-n1.5", "rand-p2", "rand-m31", "rand-inc2", "rand-m-9"}) {
    expect_error(ErrorKind::Usage, {concat("\"", text, "\""), "rand-m9-n2-mstd0.5-inc1"},
                 [&] { parse_rand_augment(text); });
  }
}

// Arguments at level 9 of 10, as timm's level functions give them; those with a sign come with both.
TEST(RandAugment, LevelsMeanWhatTimmSays) {
  const std::map<Operation, double> increasing{
      {Operation::AutoContrast, 0},  {Operation::Equalize, 0},      {Operation::Invert, 0},
      {Operation::Rotate, 27},       {Operation::Posterize, 1},     {Operation::Solarize, 26},
      {Operation::SolarizeAdd, 99},  {Operation::Saturation, 1.81}, {Operation::Contrast, 1.81},
      {Operation::Brightness, 1.81}, {Operation::Sharpness, 1.81},  {Operation::ShearX, 0.27},
      {Operation::ShearY, 0.27},     {Operation::TranslateX, 81},   {Operation::TranslateY, 40.5}};
  auto other = increasing;
  other[Operation::Posterize] = 3;
  other[Operation::Solarize] = 230;
  for (const auto o :
       {Operation::Saturation, Operation::Contrast, Operation::Brightness, Operation::Sharpness})
    other[o] = 1.72;
  for (const bool inc : {true, false}) {
    const RandAugment policy{.count = 2, .magnitude = 9, .probability = 1, .increasing = inc};
    std::map<Operation, int> seen, negative;
    Philox draw(5, Purpose::Test, inc);
    constexpr int kDraws = 15000;
    for (int i = 0; i < kDraws; ++i) {
      const Step step = draw_step(policy, kAugmentedSize, draw);
      double argument = step.argument;
      const bool is_factor =
          step.operation >= Operation::Saturation && step.operation <= Operation::Sharpness;
      if (is_factor && inc && argument < 1) {
        ++negative[step.operation];
        argument = 2 - argument;  // 1 - 0.81
      } else if (argument < 0) {
        ++negative[step.operation];
        argument = -argument;
      }
      ++seen[step.operation];
      ASSERT_NEAR(argument, (inc ? increasing : other).at(step.operation), 1e-9)
          << static_cast<int>(step.operation);
      EXPECT_NE(step.interpolation, Interpolation::Nearest);
    }
    EXPECT_EQ(seen.size(), 15u);
    for (const auto& [operation, count] : seen)
      EXPECT_NEAR(count, kDraws / 15.0, 5 * std::sqrt(kDraws / 15.0));
    EXPECT_EQ(negative.size(), inc ? 9u : 5u);
    for (const auto& [operation, count] : negative)
      EXPECT_NEAR(count, seen[operation] / 2.0, 5 * std::sqrt(seen[operation] / 4.0));
  }
}

TEST(RandAugment, ProbabilityAndDeviation) {
  RandAugment policy{.count = 1, .magnitude = 9, .deviation = 0.5, .probability = 0.3};
  Philox draw(6, Purpose::Test);
  constexpr int kDraws = 30000;
  int applied = 0, rotations = 0, most = 0;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Step step = draw_step(policy, kAugmentedSize, draw);
    applied += step.operation != Operation::Identity;
    if (step.operation != Operation::Rotate) continue;
    ++rotations;
    sum += std::abs(step.argument) / 3;
    most += std::abs(step.argument) == 30;
    EXPECT_LE(std::abs(step.argument), 30);
  }
  EXPECT_NEAR(applied, 0.3 * kDraws, 5 * std::sqrt(0.21 * kDraws));
  EXPECT_NEAR(sum / rotations, 9, 5 * 0.5 / std::sqrt(rotations) + 0.01);
  EXPECT_GT(most, 0);  // above 10 in 2.3 % of the draws
  policy.deviation = std::numeric_limits<double>::infinity();
  policy.probability = 1;
  double uniform = 0;
  rotations = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Step step = draw_step(policy, kAugmentedSize, draw);
    if (step.operation != Operation::Rotate) continue;
    ++rotations;
    uniform += std::abs(step.argument) / 3;
  }
  EXPECT_NEAR(uniform / rotations, 4.5, 5 * 9 / std::sqrt(12.0 * rotations));
}

TEST(TrivialAugment, HasTorchvisionsLevels) {
  std::map<Operation, std::map<double, int>> seen;
  Philox draw(7, Purpose::Test);
  constexpr int kDraws = 70000;
  for (int i = 0; i < kDraws; ++i) {
    const Step step = draw_trivial_step(draw);
    ++seen[step.operation][step.argument];
  }
  ASSERT_EQ(seen.size(), 14u);
  const auto extremes = [&](Operation operation) {
    return std::pair(seen[operation].begin()->first, seen[operation].rbegin()->first);
  };
  const auto near = [&](Operation operation, double least, double most, std::size_t levels) {
    EXPECT_NEAR(extremes(operation).first, least, 1e-9) << static_cast<int>(operation);
    EXPECT_NEAR(extremes(operation).second, most, 1e-9) << static_cast<int>(operation);
    EXPECT_EQ(seen[operation].size(), levels) << static_cast<int>(operation);
  };
  near(Operation::ShearX, -0.99, 0.99, 61);
  near(Operation::TranslateY, -32, 32, 61);
  near(Operation::Rotate, -135, 135, 61);
  near(Operation::Sharpness, 0.01, 1.99, 61);
  near(Operation::Posterize, 2, 8, 7);
  near(Operation::Solarize, 0, 255, 31);
  near(Operation::Equalize, 0, 0, 1);
  EXPECT_NEAR(seen[Operation::Posterize][2] / static_cast<double>(seen[Operation::Posterize][5]), 3.0 / 5,
              0.12);
}

TEST(Erasing, BoxesHaveTorchvisionsAreasAndAspects) {
  Philox draw(8, Purpose::Test);
  double area = 0, tops = 0;
  constexpr int kDraws = 5000;
  for (int i = 0; i < kDraws; ++i) {
    const PixelBox box = draw_erased_box({200, 200}, draw);
    ASSERT_GE(box.top, 0);
    ASSERT_GE(box.left, 0);
    ASSERT_LE(box.top + box.height, 200);
    ASSERT_LE(box.left + box.width, 200);
    const double share = box.height * box.width / 40000.0,
                 aspect = static_cast<double>(box.height) / box.width;
    ASSERT_GT(share, 0.02 - 0.002);
    ASSERT_LT(share, 0.33 + 0.004);
    ASSERT_GT(aspect, 0.3 - 0.02);
    ASSERT_LT(aspect, 3.3 + 0.15);
    area += share;
    tops += box.top / static_cast<double>(200 - box.height);
  }
  EXPECT_NEAR(area / kDraws, 0.175, 5 * 0.31 / std::sqrt(12.0 * kDraws) + 0.002);
  EXPECT_NEAR(tops / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
  EXPECT_EQ(draw_erased_box({1, 1}, draw), PixelBox{});
}

TEST(Appearance, EachChangeComesAsOftenAsAsked) {
  Appearance appearance;
  const Image source = test_picture(30, 30, 3, 1);
  const auto changed = [&](const AppearanceOptions& options) {
    int count = 0;
    for (std::uint64_t sample = 0; sample < 1000; ++sample) {
      Philox draw(1, Purpose::Augmentation, 0, sample);
      Image image = source;
      appearance.change(options, draw, image);
      count += image.pixels != source.pixels;
    }
    return count;
  };
  EXPECT_EQ(changed({}), 0);
  EXPECT_FALSE(AppearanceOptions{}.any());
  EXPECT_NEAR(changed({.grey = 0.3f}), 300, 75);
  EXPECT_NEAR(changed({.erase = 0.25f}), 250, 70);
  EXPECT_GT(changed({.jitter = {.brightness = 0.4f}}), 950);
  EXPECT_GT(changed({.jitter = {.hue = 0.2f}}), 900);
  EXPECT_GT(changed({.trivial_augment = true}), 800);
}

TEST(Appearance, ErasingFillsWithTheColourAsked) {
  Appearance appearance;
  Image image;
  image.reshape(40, 40, 3);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{200});
  Philox draw(3, Purpose::Test);
  appearance.change({.erase = 1, .fill = {1, 2, 3}}, draw, image);
  int erased = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    if (image.pixels[i] == 200) continue;
    ++erased;
    EXPECT_EQ(image.pixels[i], 1);
    EXPECT_EQ(image.pixels[i + 1], 2);
    EXPECT_EQ(image.pixels[i + 2], 3);
  }
  EXPECT_GT(erased, 20);
}

TEST(Appearance, RefusesOptionsOutOfRange) {
  expect_error(ErrorKind::Usage, {"grey is 2"}, [] { check({.grey = 2}); });
  expect_error(ErrorKind::Usage, {"erase is -1"}, [] { check({.erase = -1}); });
  expect_error(ErrorKind::Usage, {"negative"}, [] { check({.jitter = {.contrast = -1}}); });
  expect_error(ErrorKind::Usage, {"hue is 0.6"}, [] { check({.jitter = {.hue = 0.6f}}); });
  expect_error(ErrorKind::Usage, {"exclude"},
               [] { check({.rand_augment = {.count = 2}, .trivial_augment = true}); });
}

}  // namespace
}  // namespace cf::data

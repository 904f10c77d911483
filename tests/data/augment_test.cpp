#include "data/augment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/prepare.h"
#include "tests/data/expect_error.h"

namespace cf::data {
namespace {

constexpr ImageSize kTarget{224, 224};

TEST(Augment, IsAPureFunctionOfSeedEpochAndSample) {
  const AugmentOptions options;
  const auto draw = [&](std::uint64_t seed, std::int64_t epoch, std::int64_t sample) {
    return draw_augmentation(options, seed, epoch, sample, {375, 500}, kTarget);
  };
  EXPECT_EQ(draw(1, 2, 3).crop, draw(1, 2, 3).crop);
  EXPECT_FALSE(draw(1, 2, 3).crop == draw(2, 2, 3).crop);
  EXPECT_FALSE(draw(1, 2, 3).crop == draw(1, 3, 3).crop);
  EXPECT_FALSE(draw(1, 2, 3).crop == draw(1, 2, 4).crop);
}

TEST(Augment, CropsFollowAreaAndAspect) {
  AugmentOptions options;
  options.crop_scale = {0.2f, 0.6f};
  options.flip = 0.3f;
  constexpr int kDraws = 20000;
  const ImageSize image{500, 500};
  double area_sum = 0, log_aspect_sum = 0, left_share = 0;
  int flips = 0, wide = 0;
  for (int i = 0; i < kDraws; ++i) {
    const AugmentDraw draw = draw_augmentation(options, 9, 0, i, image, kTarget);
    ASSERT_GE(draw.crop.top, 0);
    ASSERT_GE(draw.crop.left, 0);
    ASSERT_LE(draw.crop.top + draw.crop.height, image.height);
    ASSERT_LE(draw.crop.left + draw.crop.width, image.width);
    const double area = static_cast<double>(draw.crop.height) * draw.crop.width / (500.0 * 500.0);
    const double aspect = static_cast<double>(draw.crop.width) / draw.crop.height;
    ASSERT_GT(area, 0.2 - 0.004);
    ASSERT_LT(area, 0.6 + 0.004);
    ASSERT_GT(aspect, 0.75 - 0.01);
    ASSERT_LT(aspect, 4.0 / 3 + 0.01);
    area_sum += area;
    log_aspect_sum += std::log(aspect);
    left_share += draw.crop.left / static_cast<double>(500 - draw.crop.width);
    flips += draw.flip;
    wide += aspect > 1;
  }
  // Means of uniform draws, to five standard deviations.
  EXPECT_NEAR(area_sum / kDraws, 0.4, 5 * 0.4 / std::sqrt(12.0 * kDraws));
  EXPECT_NEAR(log_aspect_sum / kDraws, 0.0, 5 * 0.58 / std::sqrt(12.0 * kDraws));
  EXPECT_NEAR(left_share / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
  EXPECT_NEAR(flips / static_cast<double>(kDraws), 0.3, 5 * std::sqrt(0.21 / kDraws));
  EXPECT_NEAR(wide / static_cast<double>(kDraws), 0.5, 5 * std::sqrt(0.25 / kDraws) + 0.01);
}

TEST(Augment, ImpossibleCropsFallBackToTheCentre) {
  AugmentOptions options;
  options.crop_scale = {1.0f, 1.0f};
  options.aspect = {0.75f, 4.0f / 3.0f};
  const AugmentDraw tall = draw_augmentation(options, 1, 0, 0, {1000, 30}, kTarget);
  EXPECT_EQ(tall.crop, (PixelBox{480, 0, 40, 30}));
  const AugmentDraw flat = draw_augmentation(options, 1, 0, 0, {30, 1000}, kTarget);
  EXPECT_EQ(flat.crop, (PixelBox{0, 480, 30, 40}));
  const AugmentDraw dot = draw_augmentation(options, 1, 0, 0, {1, 1}, kTarget);
  EXPECT_EQ(dot.crop, (PixelBox{0, 0, 1, 1}));
}

TEST(Augment, PaddedCropsReachEveryOffset) {
  AugmentOptions options;
  options.pad = 4;
  int tops[5] = {}, lefts[5] = {};
  for (int i = 0; i < 1000; ++i) {
    const PixelBox crop = draw_augmentation(options, 1, 0, i, {28, 28}, {32, 32}).crop;
    ASSERT_GE(crop.top, -4);
    ASSERT_LE(crop.top, 0);
    EXPECT_EQ(crop.height, 32);
    ++tops[crop.top + 4];
    ++lefts[crop.left + 4];
  }
  for (const int count : tops) EXPECT_NEAR(count, 200, 64);
  for (const int count : lefts) EXPECT_NEAR(count, 200, 64);
  expect_error(ErrorKind::Data, {"28x28", "4 pixels", "40x40"}, [&] {
    draw_augmentation(options, 1, 0, 0, {28, 28}, {40, 40});
  });
}

TEST(Augment, RefusesOptionsOutOfRange) {
  const auto expect = [](auto change, const char* part) {
    AugmentOptions options;
    change(options);
    expect_error(ErrorKind::Usage, {part}, [&] { check(options); });
  };
  expect([](AugmentOptions& o) { o.crop_scale = {0, 1}; }, "crop_scale");
  expect([](AugmentOptions& o) { o.crop_scale = {0.5f, 0.4f}; }, "crop_scale");
  expect([](AugmentOptions& o) { o.crop_scale = {0.5f, 1.1f}; }, "crop_scale");
  expect([](AugmentOptions& o) { o.aspect = {-1, 1}; }, "aspect");
  expect([](AugmentOptions& o) { o.flip = -0.1f; }, "flip");
  expect([](AugmentOptions& o) { o.pad = -1; }, "pad");
  check(AugmentOptions{});
}

EncodedImage raw(int height, int width, int channels = 1) {
  EncodedImage image{
      .encoding = ImageEncoding::Raw, .bytes = {}, .height = height, .width = width, .channels = channels};
  for (int i = 0; i < height * width * channels; ++i) image.bytes.push_back(static_cast<std::uint8_t>(i + 1));
  return image;
}

TEST(Prepare, PaddingSurroundsTheImageWithBlack) {
  Preparer preparer;
  std::vector<std::uint8_t> out(16);
  preparer.for_evaluation(raw(2, 2), {.target = {4, 4}, .channels = 1, .fit = Fit::Pad}, out.data());
  EXPECT_EQ(out, (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0}));
}

TEST(Prepare, PaddedTrainingCropsHoldTheImageAtTheDrawnPlace) {
  AugmentOptions options;
  options.pad = 1;
  options.flip = 0;
  Preparer preparer;
  std::vector<std::uint8_t> out(9);
  bool seen_corner = false;
  for (int sample = 0; sample < 50; ++sample) {
    const PixelBox crop = draw_augmentation(options, 1, 0, sample, {2, 2}, {3, 3}).crop;
    preparer.for_training(raw(2, 2), options, 1, 0, sample, {3, 3}, 1, out.data());
    EXPECT_EQ(out[static_cast<std::size_t>(-crop.top * 3 - crop.left)], 1);
    EXPECT_EQ(out[static_cast<std::size_t>(-crop.top * 3 - crop.left + 4)], 4);
    seen_corner = seen_corner || (crop.top == 0 && crop.left == -1);
  }
  EXPECT_TRUE(seen_corner);
}

TEST(Prepare, FlipMirrorsTheColumns) {
  AugmentOptions options;
  options.crop_scale = {1, 1};
  options.aspect = {1, 1};
  Preparer preparer;
  std::vector<std::uint8_t> plain(16), flipped(16);
  options.flip = 0;
  preparer.for_training(raw(4, 4), options, 1, 0, 0, {4, 4}, 1, plain.data());
  EXPECT_EQ(plain, raw(4, 4).bytes);
  options.flip = 1;
  preparer.for_training(raw(4, 4), options, 1, 0, 0, {4, 4}, 1, flipped.data());
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) EXPECT_EQ(flipped[static_cast<std::size_t>(4 * y + x)], 4 * y + 3 - x + 1);
  }
}

// Whichever way the crop is made: resized, up and down, or cut from padding; grey or in colour.
TEST(Prepare, FlippedTrainingImagesAreTheOthersMirrored) {
  constexpr ImageSize kSmall{19, 23};
  Preparer preparer;
  for (const int channels : {1, 3}) {
    for (const int side : {15, 60}) {
      for (const int pad : {0, 8}) {
        AugmentOptions options;
        options.pad = pad;
        const EncodedImage image = raw(side, side + 1, channels);
        const auto row = static_cast<std::size_t>(kSmall.width * channels);
        std::vector<std::uint8_t> plain(static_cast<std::size_t>(kSmall.height) * row), flipped(plain.size());
        options.flip = 0;
        preparer.for_training(image, options, 1, 0, 0, kSmall, channels, plain.data());
        options.flip = 1;
        preparer.for_training(image, options, 1, 0, 0, kSmall, channels, flipped.data());
        for (std::size_t i = 0; i < plain.size(); ++i) {
          const std::size_t y = i / row, x = i % row / static_cast<std::size_t>(channels),
                            c = i % static_cast<std::size_t>(channels);
          const std::size_t mirrored = static_cast<std::size_t>(kSmall.width) - 1 - x;
          ASSERT_EQ(flipped[y * row + mirrored * static_cast<std::size_t>(channels) + c], plain[i])
              << channels << " " << side << " " << pad << " at " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace cf::data

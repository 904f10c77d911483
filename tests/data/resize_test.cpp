#include "data/resize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "data/decode.h"
#include "data/resize_passes.h"
#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/stored_image.h"

namespace cf::data {
namespace {

Image load_colours(const std::string& name) {
  Decoder decoder;
  DecodedImage out;
  decoder.decode(load(name), {.channels = 3}, out);
  return out.image;
}

// The strips hold Pillow's resize of the same picture, one case below the other.
TEST(Resize, EqualsPillow) {
  struct Case {
    Box box;
    ImageSize size;
  };
  const Case cases[] = {
      {{0, 0, 31, 23}, {5, 7}},
      {{0, 0, 31, 23}, {9, 31}},
      {{0, 0, 31, 23}, {26, 34}},
      {{3.25f, 1.5f, 29.75f, 22.125f}, {16, 16}},
      {{10.1f, 7.3f, 13.9f, 20.6f}, {3, 9}},
      {{0, 0, 30, 22}, {1, 1}},
      {{5, 2, 28, 19}, {17, 23}},
  };
  const Image source = load_colours("resize_source.png");
  for (const Filter filter : {Filter::Bilinear, Filter::Bicubic}) {
    const Image strip =
        load_colours(filter == Filter::Bilinear ? "resized_bilinear.png" : "resized_bicubic.png");
    Resizer resizer;
    Image out;
    int top = 0;
    for (const Case& c : cases) {
      resizer.resize(source, c.box, c.size, {0, 0, c.size.height, c.size.width}, filter, out);
      for (int y = 0; y < c.size.height; ++y) {
        EXPECT_TRUE(std::equal(out.row(y), out.row(y) + 3 * c.size.width, strip.row(top + y)))
            << c.size.height << "x" << c.size.width << ", row " << y;
      }
      top += c.size.height;
    }
    EXPECT_EQ(top, strip.height);
  }
}

TEST(Resize, AWindowIsThatPartOfTheWhole) {
  for (const int channels : {1, 3}) {
    const Image source = test_picture(61, 83, channels, 4);
    Resizer resizer;
    Image whole, part;
    resizer.resize(source, {40, 37}, Filter::Bicubic, whole);
    const PixelBox window{.top = 5, .left = 9, .height = 21, .width = 13};
    resizer.resize(source, {0, 0, 83, 61}, {40, 37}, window, Filter::Bicubic, part);
    for (int y = 0; y < window.height; ++y) {
      const std::uint8_t* expected = whole.row(window.top + y) + window.left * channels;
      EXPECT_TRUE(std::equal(part.row(y), part.row(y) + window.width * channels, expected));
    }
  }
}

// Vector and portable code give the same bytes, for every extent and at the extremes of the values.
TEST(Resize, PassesEqualTheirPortableForm) {
  Philox draw(1, Purpose::Test);
  FilterWeights weights;
  for (int i = 0; i < 300; ++i) {
    const int channels = i % 4 == 0 ? 1 : 3;
    const int height = 1 + static_cast<int>(draw.below(12)),
              width = 1 + static_cast<int>(draw.below(i % 5 == 0 ? 3 : 60));
    Image source = test_picture(height, width, channels, static_cast<std::uint64_t>(i));
    if (i % 3 == 0) {
      for (auto& value : source.pixels) value = (draw.bits() & 1u) != 0 ? 255 : 0;
    }
    const Filter filter = i % 2 == 0 ? Filter::Bilinear : Filter::Bicubic;
    const int size = 1 + static_cast<int>(draw.below(70));
    const int first_row = static_cast<int>(draw.below(static_cast<std::uint64_t>(height)));
    const int rows = 1 + static_cast<int>(draw.below(static_cast<std::uint64_t>(height - first_row)));
    compute_weights(filter, width, 0, static_cast<float>(width), size, 0, size, weights);
    Image got, expected;
    filter_along_x(source, first_row, rows, weights, got);
    expected.reshape(rows, size, channels);
    filter_along_x_portable(source, first_row, rows, weights, expected, 0);
    ASSERT_EQ(got.pixels, expected.pixels) << i;
    compute_weights(filter, height, 0, static_cast<float>(height), size, 0, size, weights);
    got.reshape(size, width, channels);
    expected.reshape(size, width, channels);
    filter_along_y(source, 0, weights, got.pixels.data());
    filter_along_y_portable(source, 0, weights, expected.pixels.data());
    ASSERT_EQ(got.pixels, expected.pixels) << i;
  }
}

TEST(Resize, ToTheSameSizeChangesNothing) {
  const Image source = test_picture(17, 29, 3, 4);
  Resizer resizer;
  Image out;
  for (const Filter filter : {Filter::Bilinear, Filter::Bicubic}) {
    resizer.resize(source, {17, 29}, filter, out);
    EXPECT_EQ(out.pixels, source.pixels);
  }
}

TEST(Resize, BoxesOutsideTheImageThrow) {
  const Image source = test_picture(17, 29, 3, 4);
  Resizer resizer;
  Image out;
  const PixelBox all{0, 0, 4, 4};
  EXPECT_THROW(resizer.resize(source, {0, 0, 30, 17}, {4, 4}, all, Filter::Bicubic, out), Error);
  EXPECT_THROW(resizer.resize(source, {5, 0, 5, 17}, {4, 4}, all, Filter::Bicubic, out), Error);
  EXPECT_THROW(resizer.resize(source, {0, 0, 29, 17}, {4, 4}, {1, 0, 4, 4}, Filter::Bicubic, out), Error);
}

void expect_crop(ImageSize source, int target, float crop, ImageSize resized, int top, int left) {
  const CentreCrop result = centre_crop(source, {target, target}, crop);
  EXPECT_EQ(result.resized, resized) << result.resized.height << "x" << result.resized.width;
  EXPECT_EQ(result.window, (PixelBox{top, left, target, target}))
      << result.window.top << ", " << result.window.left;
}

// Sizes and offsets of torchvision's Resize(floor(size / crop)) and CenterCrop(size).
TEST(CentreCrop, FollowsTorchvision) {
  expect_crop({375, 500}, 224, 0.875f, {256, 341}, 16, 58);  // 58.5 rounds to the even 58
  expect_crop({500, 375}, 224, 0.875f, {341, 256}, 58, 16);
  expect_crop({333, 500}, 224, 0.95f, {235, 352}, 6, 64);  // 5.5 rounds to the even 6
  expect_crop({100, 100}, 224, 1.0f, {224, 224}, 0, 0);
  expect_crop({1000, 30}, 224, 0.8f, {9333, 280}, 4554, 28);  // 224 / 0.8 is exactly 280
  expect_crop({28, 28}, 32, 1.0f, {32, 32}, 0, 0);
}

TEST(CentreCrop, CoversTargetsThatAreNotSquare) {
  const CentreCrop result = centre_crop({100, 100}, {50, 200}, 1.0f);
  EXPECT_EQ(result.resized, (ImageSize{200, 200}));
  EXPECT_EQ(result.window, (PixelBox{75, 0, 50, 200}));
  expect_error(ErrorKind::Usage, {"crop is 1.5"}, [] { centre_crop({100, 100}, {50, 50}, 1.5f); });
}

}  // namespace
}  // namespace cf::data

#include "data/orientation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/formats/exif.h"
#include "data/prepare.h"
#include "tests/data/jpeg_writer.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Two rows of three pixels, and what Pillow's transpositions make of them.
const Image kStored = [] {
  Image image;
  image.reshape(2, 3, 1);
  image.pixels = {1, 2, 3, 4, 5, 6};
  return image;
}();
const Bytes kUpright[] = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
                          {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};

TEST(Orientation, TurnsAsPillowDoes) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image out;
    turn_upright(kStored, orientation, out);
    EXPECT_EQ(out.width, orientation < 5 ? 3 : 2);
    EXPECT_EQ(out.pixels, kUpright[orientation - 1]) << orientation;
  }
}

TEST(Orientation, BoxesFollowThePixels) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image out;
    turn_upright(kStored, orientation, out);
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        const PixelBox box = stored_box({y, x, 1, 1}, {2, 3}, orientation);
        EXPECT_EQ(kStored.row(box.top)[box.left], out.row(y)[x]) << orientation;
        const Box back = upright_box({static_cast<float>(box.left), static_cast<float>(box.top),
                                      static_cast<float>(box.left + 1), static_cast<float>(box.top + 1)},
                                     {2, 3}, orientation);
        EXPECT_EQ(back.left, static_cast<float>(x));
        EXPECT_EQ(back.top, static_cast<float>(y));
        EXPECT_EQ(back.bottom, static_cast<float>(y + 1));
      }
    }
  }
}

// A JPEG with EXIF as Pillow writes it ("MM"), or the other byte order.
EncodedImage photograph(int orientation, bool little_endian) {
  EncodedImage image;
  image.encoding = ImageEncoding::Jpeg;
  image.bytes = encode_jpeg(test_picture(50, 80, 3, 5), {.horizontal = 1, .vertical = 1, .quality = 95});
  const std::string big(
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0",
      36);
  const std::string little(
      "\xff\xe1\0\x22"
      "Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0",
      36);
  std::string exif = little_endian ? little : big;
  exif[little_endian ? 28 : 29] = static_cast<char>(orientation);
  image.bytes.insert(image.bytes.begin() + 2, exif.begin(), exif.end());
  return image;
}

TEST(Exif, OrientationIsReadInBothByteOrders) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(exif_orientation(photograph(orientation, false).bytes), orientation);
    EXPECT_EQ(exif_orientation(photograph(orientation, true).bytes), orientation);
  }
  EXPECT_EQ(exif_orientation(photograph(9, false).bytes), 1);
  EXPECT_EQ(exif_orientation(encode_jpeg(test_picture(5, 8, 3, 5), {})), 1);
}

TEST(Exif, TruncatedFilesHaveNone) {
  const Bytes whole = photograph(6, true).bytes;
  for (std::size_t kept = 0; kept < 60; ++kept) {
    const int orientation = exif_orientation(std::span(whole).first(kept));
    EXPECT_TRUE(orientation == 1 || (orientation == 6 && kept >= 30)) << kept;
  }
}

TEST(Prepare, TurnsPhotographsUprightWhereAsked) {
  const ImageSize target{20, 24};
  Preparer preparer;
  Decoder decoder;
  DecodedImage decoded;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const EncodedImage stored = photograph(orientation, true);
    decoder.decode(stored, {}, decoded);
    EncodedImage turned;
    Image upright;
    turn_upright(decoded.image, orientation, upright);
    turned = {.encoding = ImageEncoding::Raw,
              .bytes = upright.pixels,
              .height = upright.height,
              .width = upright.width,
              .channels = 3};
    Bytes expected(20 * 24 * 3), got(expected.size());
    preparer.for_evaluation(turned, {.target = target}, expected.data());
    preparer.for_evaluation(stored, {.target = target, .upright = true}, got.data());
    EXPECT_EQ(got, expected) << orientation;
    // Crops less than twice the target are decoded at full scale.
    Bytes crop(30 * 30 * 3), expected_crop(crop.size());
    AugmentOptions options;
    options.crop_scale = {0.7f, 1};
    for (int sample = 0; sample < 5; ++sample) {
      options.upright = false;
      preparer.for_training(turned, options, 3, 0, sample, {30, 30}, 3, expected_crop.data());
      options.upright = true;
      preparer.for_training(stored, options, 3, 0, sample, {30, 30}, 3, crop.data());
      EXPECT_EQ(crop, expected_crop) << orientation;
    }
  }
}

}  // namespace
}  // namespace cf::data

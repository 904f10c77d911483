#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "data/decode.h"
#include "data/files.h"
#include "data/transforms/affine.h"
#include "data/transforms/colour.h"
#include "data/transforms/tone.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr int kWidth = 19, kHeight = 15;

// Changes an image in place.
using Change = std::function<void(Image&)>;

struct Case {
  std::string name;
  Change change;
};

template <class Map>
Change warp(const Map& map) {
  return [map](Image& image) {
    Image out;
    map(image, out);
    image = out;
  };
}

constexpr FillColour kFill{124, 116, 104};

void add_colour(std::vector<Case>& cases) {
  const std::vector<float> factors{0.0f, 0.1f, 0.73f, 1.0f, 1.4f, 1.9f};
  for (const float f : factors) cases.push_back({"brightness", [f](Image& i) { adjust_brightness(i, f); }});
  for (const float f : factors) cases.push_back({"contrast", [f](Image& i) { adjust_contrast(i, f); }});
  for (const float f : factors) cases.push_back({"saturation", [f](Image& i) { adjust_saturation(i, f); }});
  for (const float f : factors) {
    cases.push_back({"sharpness", [f](Image& i) {
                       Image scratch;
                       adjust_sharpness(i, f, scratch);
                     }});
  }
  for (const double s : {-0.5, -0.1, 0.0, 0.05, 0.31})
    cases.push_back({"hue", [s](Image& i) { adjust_hue(i, s); }});
  cases.push_back({"grey", make_grey});
}

void add_tone(std::vector<Case>& cases) {
  cases.push_back({"invert", invert});
  for (const double t : {0.0, 100.5, 256.0}) cases.push_back({"solarize", [t](Image& i) { solarize(i, t); }});
  cases.push_back({"solarize_add", [](Image& i) { solarize_add(i, 60); }});
  for (const int bits : {0, 2, 4, 8})
    cases.push_back({"posterize", [bits](Image& i) { posterize(i, bits); }});
  const auto of_dull = [](void (*change)(Image&)) {
    return [change](Image& i) {
      adjust_contrast(i, 0.4f);
      change(i);
    };
  };
  cases.push_back({"autocontrast", of_dull(autocontrast)});
  cases.push_back({"equalize of little contrast", of_dull(equalize)});
  cases.push_back({"equalize", equalize});
}

void add_affine(std::vector<Case>& cases) {
  for (const auto how : {Interpolation::Nearest, Interpolation::Bilinear, Interpolation::Bicubic}) {
    const std::string name = concat(" with interpolation ", static_cast<int>(how));
    const Affine maps[] = {{1, 0.3, 0, 0, 1, 0},
                           {1, 0, 0, -0.17, 1, 0},
                           {1, 0, 4.3, 0, 1, 0},
                           {1, 0, 0, 0, 1, -7},
                           {0.8, 0.1, -2, 0.2, 1.3, 1.5}};
    for (const Affine& map : maps) {
      cases.push_back(
          {"affine" + name, warp([=](const Image& in, Image& out) { transform(in, map, how, kFill, out); })});
    }
    for (const double angle : {30.0, -13.7, 90.0, 135.0, 180.0, 0.0}) {
      cases.push_back({concat("rotate by ", angle, name),
                       warp([=](const Image& in, Image& out) { rotate(in, angle, how, kFill, out); })});
    }
  }
}

// Picture `index` of the sheet that make_transforms.py wrote.
Image picture(const Image& sheet, int index) {
  Image out;
  out.reshape(kHeight, kWidth, 3);
  std::copy_n(sheet.row(index * kHeight), out.pixels.size(), out.pixels.begin());
  return out;
}

TEST(Transforms, EqualPillowOnEveryByte) {
  EncodedImage file;
  read_image_file(CF_TEST_FILES "/data/transforms.png", file);
  Decoder decoder;
  DecodedImage sheet;
  decoder.decode(file, {}, sheet);
  std::vector<Case> cases;
  add_colour(cases);
  add_tone(cases);
  add_affine(cases);
  ASSERT_EQ(sheet.image.height, kHeight * (1 + static_cast<int>(cases.size())));
  const Image source = picture(sheet.image, 0);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Image image = source;
    cases[i].change(image);
    const Image expected = picture(sheet.image, 1 + static_cast<int>(i));
    int different = 0, farthest = 0;
    for (std::size_t p = 0; p < expected.pixels.size(); ++p) {
      const int distance = std::abs(expected.pixels[p] - image.pixels[p]);
      different += distance != 0;
      farthest = std::max(farthest, distance);
    }
    EXPECT_EQ(different, 0) << cases[i].name << ", picture " << i + 1 << ": up to " << farthest;
  }
}

}  // namespace
}  // namespace cf::data

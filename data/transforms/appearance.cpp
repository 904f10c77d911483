#include "data/transforms/appearance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "data/transforms/colour.h"
#include "data/transforms/trivial_augment.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

float random_factor(float strength, Philox& draw) {
  return draw.uniform(std::max(0.0f, 1 - strength), 1 + strength);
}

void erase(const PixelBox& box, const FillColour& fill, Image& image) {
  for (int y = box.top; y < box.top + box.height; ++y) {
    std::uint8_t* pixel = image.row(y) + std::ptrdiff_t{box.left} * image.channels;
    for (int x = 0; x < box.width; ++x) pixel = std::copy_n(fill.begin(), image.channels, pixel);
  }
}

}  // namespace

bool AppearanceOptions::any() const {
  const bool has_jitter =
      jitter.brightness > 0 || jitter.contrast > 0 || jitter.saturation > 0 || jitter.hue > 0;
  return rand_augment.count > 0 || trivial_augment || has_jitter || grey > 0 || erase > 0;
}

void check(const AppearanceOptions& options) {
  const auto probability = [](const char* what, float value) {
    CF_CHECK_AS(ErrorKind::Usage, value >= 0 && value <= 1, what, " is ", value, ", must be a probability");
  };
  probability("grey", options.grey);
  probability("erase", options.erase);
  const ColourJitter& jitter = options.jitter;
  CF_CHECK_AS(ErrorKind::Usage, jitter.brightness >= 0 && jitter.contrast >= 0 && jitter.saturation >= 0,
              "jitter of brightness, contrast or saturation is negative");
  CF_CHECK_AS(ErrorKind::Usage, jitter.hue >= 0 && jitter.hue <= 0.5f, "jitter of the hue is ", jitter.hue,
              ", must be in [0, 0.5]");
  CF_CHECK_AS(ErrorKind::Usage, options.rand_augment.count == 0 || !options.trivial_augment,
              "RandAugment and TrivialAugment exclude each other");
}

void Appearance::jitter(const ColourJitter& jitter, Philox& draw, Image& image) {
  std::array<int, 4> order{0, 1, 2, 3};
  for (std::size_t i = 3; i > 0; --i) std::swap(order[i], order[draw.below(i + 1)]);
  const float brightness = random_factor(jitter.brightness, draw),
              contrast = random_factor(jitter.contrast, draw),
              saturation = random_factor(jitter.saturation, draw),
              hue = draw.uniform(-jitter.hue, jitter.hue);
  for (const int what : order) {
    if (what == 0 && jitter.brightness > 0) adjust_brightness(image, brightness);
    if (what == 1 && jitter.contrast > 0) adjust_contrast(image, contrast);
    if (what == 2 && jitter.saturation > 0) adjust_saturation(image, saturation);
    if (what == 3 && jitter.hue > 0) adjust_hue(image, static_cast<double>(hue));
  }
}

void Appearance::change(const AppearanceOptions& options, Philox& draw, Image& image) {
  const ImageSize size{image.height, image.width};
  for (int i = 0; i < options.rand_augment.count; ++i)
    apply(draw_step(options.rand_augment, size, draw), options.fill, image, scratch_);
  if (options.trivial_augment)
    apply(draw_trivial_step(draw), {}, image, scratch_);  // black, as torchvision's
  jitter(options.jitter, draw, image);
  if (draw.uniform() < options.grey) make_grey(image);
  if (draw.uniform() < options.erase) erase(draw_erased_box(size, draw), options.fill, image);
}

PixelBox draw_erased_box(ImageSize image, Philox& draw) {
  constexpr float kLeast = 0.02f, kMost = 0.33f;
  const double log_aspect = std::log(3.3), log_least = std::log(0.3);
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    const double area =
        static_cast<double>(image.height) * image.width * static_cast<double>(draw.uniform(kLeast, kMost));
    const double aspect =
        std::exp(log_least + (log_aspect - log_least) * static_cast<double>(draw.uniform()));
    const int height = static_cast<int>(std::lround(std::sqrt(area * aspect)));
    const int width = static_cast<int>(std::lround(std::sqrt(area / aspect)));
    if (height < 1 || width < 1 || height >= image.height || width >= image.width) continue;
    const auto offset = [&](int free) {
      return static_cast<int>(draw.below(static_cast<std::uint64_t>(free) + 1));
    };
    const int top = offset(image.height - height);
    return {top, offset(image.width - width), height, width};
  }
  return {};
}

}  // namespace cf::data

// What is random in a training image. All draws are pure functions of (seed, epoch, sample), where a sample
// that comes several times in an epoch counts as several: sample_draw().
#pragma once

#include <cstdint>

#include "data/image.h"
#include "data/resize.h"
#include "data/transforms/appearance.h"

namespace cf::data {

struct Interval {
  float low, high;
};

struct AugmentOptions {
  // Random resized crop, as torchvision's: share of the image's area, and width / height.
  Interval crop_scale{0.08f, 1.0f};
  Interval aspect{3.0f / 4.0f, 4.0f / 3.0f};
  float flip = 0.5f;  // probability of a horizontal flip
  // Positive: no resized crop but, for small images, so many black pixels around the image and a random crop
  // of the target size from that.
  int pad = 0;
  Filter filter = Filter::Bilinear;  // of the resize
  bool upright = false;              // first turn the image as the EXIF orientation of a JPEG says
  AppearanceOptions appearance;
};

struct AugmentDraw {
  PixelBox crop;  // in pixels of the image; with pad it has the target size and may reach over the edges
  bool flip = false;
};

// The number that stands for a sample in draws, where it comes for the time `repetition` in an epoch.
std::int64_t sample_draw(std::int64_t sample, int repetition);

// Throws a Usage error for options out of range.
void check(const AugmentOptions& options);

// A Data error if the padded image is smaller than the target.
AugmentDraw draw_augmentation(const AugmentOptions& options, std::uint64_t seed, std::int64_t epoch,
                              std::int64_t sample, ImageSize image, ImageSize target);

// The stream that changes of the appearance draw from.
Philox appearance_draw(std::uint64_t seed, std::int64_t epoch, std::int64_t sample);

}  // namespace cf::data

// Random changes of a training image behind crop and flip, all of them off unless asked for.
#pragma once

#include "data/image.h"
#include "data/transforms/rand_augment.h"
#include "kernels/base/philox.h"

namespace cf::data {

// Factors are uniform in [max(0, 1 - x), 1 + x], the shift of the hue in [-hue, hue]; applied in random
// order.
struct ColourJitter {
  float brightness = 0, contrast = 0, saturation = 0, hue = 0;
};

struct AppearanceOptions {
  RandAugment rand_augment;
  bool trivial_augment = false;
  ColourJitter jitter;
  float grey = 0;     // probability of an image without colour
  float erase = 0;    // probability of a rectangle of 2 to 33 % of the area, 0.3 <= aspect <= 3.3, filled
  FillColour fill{};  // of erased rectangles and of what geometry moves in: the mean, which becomes 0

  bool any() const;
};

// Throws a Usage error for options out of range.
void check(const AppearanceOptions& options);

// One per thread: keeps its memory from image to image. In this order: policy, jitter, grey, erasing.
class Appearance {
 public:
  void change(const AppearanceOptions& options, Philox& draw, Image& image);

 private:
  void jitter(const ColourJitter& jitter, Philox& draw, Image& image);
  Image scratch_;
};

// The rectangle to erase; empty where ten tries found none smaller than the image. Source: torchvision.
PixelBox draw_erased_box(ImageSize image, Philox& draw);

}  // namespace cf::data

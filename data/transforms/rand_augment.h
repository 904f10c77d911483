// RandAugment (Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search
// space", 2019) with timm's operations, levels and notation.
#pragma once

#include <string>

#include "data/transforms/operation.h"
#include "kernels/base/philox.h"

namespace cf::data {

struct RandAugment {
  int count = 0;             // operations in a row, each drawn anew; 0: none
  double magnitude = 10;     // mean level, of 10
  double deviation = 0;      // of a normal level; infinite: uniform from 0 to the magnitude
  double most = 10;          // levels are cut off there
  double probability = 0.5;  // of each operation
  bool increasing = false;   // whether a higher level changes the image more in every operation
};

// "rand-m9-n2-mstd0.5-inc1": parts behind "rand", in any order: mN magnitude, nN count (2 if not given),
// mstdX deviation (above 100: uniform), mmaxN cut-off, incN increasing, pX probability. Anything else is a
// Usage error.
RandAugment parse_rand_augment(const std::string& text);

// Draws one operation and its level for images of the size given.
Step draw_step(const RandAugment& policy, ImageSize size, Philox& draw);

}  // namespace cf::data

// TrivialAugmentWide (Müller and Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
// Augmentation", ICCV 2021) with torchvision's operations and 31 levels: one operation, one level, both
// uniform.
#pragma once

#include "data/transforms/operation.h"
#include "kernels/base/philox.h"

namespace cf::data {

Step draw_trivial_step(Philox& draw);

}  // namespace cf::data

// Mixup (Zhang et al., ICLR 2018) and cutmix (Yun et al., ICCV 2019): what is drawn for two images that are
// mixed with each other. What follows for pixels is in kernels/mix_images.
#pragma once

#include <cstdint>

#include "data/image.h"

namespace cf::data {

struct MixOptions {
  double mixup = 0, cutmix = 0;     // alpha of the share's distribution, Beta(alpha, alpha); 0: none
  double probability = 1;           // that a pair is mixed at all
  double switch_probability = 0.5;  // of cutmix, where both are on

  bool any() const { return mixup > 0 || cutmix > 0; }
};

// The same for both images of a pair.
struct PairMix {
  float share = 1;        // that an image keeps of itself outside of the box
  PixelBox box{};         // where it shows its partner
  float label_share = 1;  // that its label keeps: of mixup the share, of cutmix the area outside of the box
};

// A pure function of its arguments; `pair` counts in the global batch of step `step`. The box is timm's: a
// drawn centre, sides sqrt(1 - share) of the image's, cut off at its edges.
PairMix draw_pair_mix(const MixOptions& options, std::uint64_t seed, std::int64_t step, std::int64_t pair,
                      ImageSize image);

}  // namespace cf::data

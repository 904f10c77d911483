// Normalised images, each mixed with its partner: mixup (Zhang et al., "mixup: Beyond Empirical Risk
// Minimization", ICLR 2018) and cutmix (Yun et al., "CutMix", ICCV 2019).
//
//   z[n,h,w,c] = (x[n,h,w,c] / 255 - mean[c]) / deviation[c]
//   y[n,h,w,c] = own z[n,h,w,c] + (1 - own) z[partner(n),h,w,c]
//   own        = 0 inside box n, share[n] elsewhere
//
// partner(n) is n ^ 1: images 0 and 1, 2 and 3 ...; a last image without one is its own. mixup has share
// below 1 and an empty box, cutmix share 1 and a box.
#pragma once

#include <cstdint>

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct MixImages {
  View<const std::uint8_t, N, H, W, C> x;
  View<const float, C> mean, deviation;  // of values in [0, 1]; deviation > 0
  View<const float, N> share;            // in [0, 1]
  View<const std::int64_t, N, K> box;    // K=4: top, left, bottom, right; the last two are outside
  View<T, N, H, W, C> y;                 // overwritten
};

template <class T>
void mix_images(Reference, const MixImages<T>&);
template <class T>
void mix_images(Cuda, const MixImages<T>&);
void mix_images(Cpu, const MixImages<float>&);

}  // namespace cf::kernels

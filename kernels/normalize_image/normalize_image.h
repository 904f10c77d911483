// Bytes to normalised numbers: y[n,h,w,c] = (x[n,h,w,c] / 255 - mean[c]) / deviation[c].
#pragma once

#include <cstdint>

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct NormalizeImage {
  View<const std::uint8_t, N, H, W, C> x;
  View<const float, C> mean, deviation;  // of values in [0, 1]; deviation > 0
  View<T, N, H, W, C> y;                 // overwritten
};

template <class T>
void normalize_image(Reference, const NormalizeImage<T>&);
template <class T>
void normalize_image(Cuda, const NormalizeImage<T>&);
void normalize_image(Cpu, const NormalizeImage<float>&);

}  // namespace cf::kernels

// The activations of one float on the device, the kind known at compile time.
#pragma once

#include "kernels/activation/activation.h"

namespace cf::kernels::device {

// NaN stays NaN.
template <Activation kActivation>
__device__ inline float activate(float x) {
  if constexpr (kActivation == Activation::Relu) {
    return x < 0 ? 0 : x;
  } else if constexpr (kActivation == Activation::Silu) {
    return x / (1 + expf(-x));
  } else if constexpr (kActivation == Activation::HardSwish) {
    const float inside = x * (x + 3) / 6;
    const float below = x >= 3 ? x : inside;
    return x <= -3 ? 0 : below;
  } else {
    static_assert(kActivation == Activation::None);
    return x;
  }
}

// dy times the derivative at x.
template <Activation kActivation>
__device__ inline float activation_gradient(float x, float dy) {
  if constexpr (kActivation == Activation::Relu) {
    return x <= 0 ? 0 : dy;
  } else if constexpr (kActivation == Activation::Silu) {
    const float sigmoid = 1 / (1 + expf(-x));
    return dy * sigmoid * (1 + x * (1 - sigmoid));
  } else if constexpr (kActivation == Activation::HardSwish) {
    const float inside = dy * (2 * x + 3) / 6;
    const float below = x >= 3 ? dy : inside;
    return x <= -3 ? 0 : below;
  } else {
    static_assert(kActivation == Activation::None);
    return dy;
  }
}

}  // namespace cf::kernels::device

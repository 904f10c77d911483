// The activations of one float as branch-free code with the kind known at compile time: loops over it
// vectorise.
#pragma once

#include "kernels/activation/dispatch_activation.h"
#include "kernels/base/exponential.h"

namespace cf::kernels {

// NaN stays NaN.
template <Activation kActivation>
inline float activate(float x) {
  if constexpr (kActivation == Activation::Relu) {
    return x < 0 ? 0 : x;
  } else if constexpr (kActivation == Activation::Silu) {
    return x / (1 + exponential(-x));
  } else if constexpr (kActivation == Activation::HardSwish) {
    const float inner = x + 3;
    const float low = inner < 0 ? 0 : inner;
    const float gate = low > 6 ? 6 : low;
    return x * gate / 6;
  } else {
    static_assert(kActivation == Activation::None);
    return x;
  }
}

// dy times the derivative at x.
template <Activation kActivation>
inline float activation_gradient(float x, float dy) {
  if constexpr (kActivation == Activation::Relu) {
    return x <= 0 ? 0 : dy;
  } else if constexpr (kActivation == Activation::Silu) {
    const float sigmoid = 1 / (1 + exponential(-x));
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

}  // namespace cf::kernels

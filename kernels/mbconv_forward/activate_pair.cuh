// Activations of two sums on their way to 16 bits.
#pragma once

#include "kernels/activation/activation.cuh"
#include "kernels/base/mma.cuh"

namespace cf::kernels::mbconv_detail {

// Silu by the fast exponential and division, whose error is far below that of 16 bits.
template <Activation kActivation>
__device__ inline float activate_sum(float x) {
  if constexpr (kActivation == Activation::Silu) {
    return __fdividef(x, 1 + __expf(-x));
  } else {
    return device::activate<kActivation>(x);
  }
}

// act(first), act(second), rounded to T; NaN stays NaN.
template <class T, Activation kActivation>
__device__ inline std::uint32_t activate_pair(float first, float second) {
  if constexpr (kActivation == Activation::Relu) {
    return rectify_pair<T>(first, second);
  } else {
    return round_pair<T>(activate_sum<kActivation>(first), activate_sum<kActivation>(second));
  }
}

}  // namespace cf::kernels::mbconv_detail

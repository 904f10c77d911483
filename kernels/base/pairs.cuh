// Two 16-bit elements in one register, the first in the lower half, as floats; the reverse is round_pair() of
// mma.cuh.
#pragma once

#include <cstdint>

#include "kernels/base/device_types.cuh"

namespace cf {

template <class T>
__device__ __forceinline__ float2 floats_of_pair(std::uint32_t pair) {
  T first, second;
  first.bits = static_cast<std::uint16_t>(pair);
  second.bits = static_cast<std::uint16_t>(pair >> 16);
  return {to_float(first), to_float(second)};
}

}  // namespace cf

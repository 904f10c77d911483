// From sums of h and da to the fragments that the next products take, at both routes of place Cuda.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "kernels/base/mma.cuh"

namespace cf::kernels::feed_forward_backward {

// All bits of the halves that are positive.
template <class T>
__device__ inline std::uint32_t positive_mask(std::uint32_t pair) {
  if constexpr (std::is_same_v<T, Half>) {
    return __hgt2_mask(*reinterpret_cast<const __half2*>(&pair), __float2half2_rn(0));
  } else {
    return __hgt2_mask(*reinterpret_cast<const __nv_bfloat162*>(&pair), __float2bfloat162_rn(0));
  }
}

// Two neighbouring elements: a = max(h, 0), and dh = da where a, as rounded, is positive.
template <class T>
__device__ inline void round_hidden_pair(float h0, float h1, float da0, float da1, std::uint32_t& a,
                                         std::uint32_t& dh) {
  a = rectify_pair<T>(h0, h1);
  dh = round_pair<T>(da0, da1) & positive_mask<T>(a);
}

// Two sums of 8 columns each as the A fragments of 16 columns.
template <class T>
__device__ inline void round_hidden(const float (&h_left)[4], const float (&h_right)[4],
                                    const float (&da_left)[4], const float (&da_right)[4], MatrixA& a,
                                    MatrixA& dh) {
  round_hidden_pair<T>(h_left[0], h_left[1], da_left[0], da_left[1], a.upper_left, dh.upper_left);
  round_hidden_pair<T>(h_left[2], h_left[3], da_left[2], da_left[3], a.lower_left, dh.lower_left);
  round_hidden_pair<T>(h_right[0], h_right[1], da_right[0], da_right[1], a.upper_right, dh.upper_right);
  round_hidden_pair<T>(h_right[2], h_right[3], da_right[2], da_right[3], a.lower_right, dh.lower_right);
}

// sums += dh, before it is rounded, of the lane's two rows. What a is made of is not negative.
__device__ inline void add_rows(const MatrixA& a, const float (&da_left)[4], const float (&da_right)[4],
                                float (&sums)[2]) {
  const auto add_pair = [](std::uint32_t pair, float da0, float da1, float& sum) {
    if ((pair & 0xffffU) != 0) sum += da0;
    if (pair > 0xffffU) sum += da1;
  };
  add_pair(a.upper_left, da_left[0], da_left[1], sums[0]);
  add_pair(a.lower_left, da_left[2], da_left[3], sums[1]);
  add_pair(a.upper_right, da_right[0], da_right[1], sums[0]);
  add_pair(a.lower_right, da_right[2], da_right[3], sums[1]);
}

// Every lane gets the sum over the four lanes that hold the columns of its rows.
__device__ inline float quad_sum(float value) {
  value += __shfl_xor_sync(0xffffffffU, value, 1);
  return value + __shfl_xor_sync(0xffffffffU, value, 2);
}

}  // namespace cf::kernels::feed_forward_backward

// The gradient of the weight of a linear layer h = x weight' in front of a batch norm and an activation, with
// their last pass backward on the way, on Hopper GPUs in 16-bit types. With d = h - mean[k]:
//
//   dh[m,k]      = scale[k] dy[m,k] activation'(scale[k] d + bias[k]) + slope[k] d + offset[k]    rounded to
//   T dweight[k,c] = accumulate dweight[k,c] + sum_m dh[m,k] x[m,c]
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// By the widths alone: channels of x, of h. With 512 channels of x the product, of which two warpgroups would
// have half each, was no faster than one of cuBLASLt's behind the norm's pass.
constexpr bool fit_weight_through_norm(std::int64_t inputs, std::int64_t outputs) {
  return outputs > 0 && outputs % 128 == 0 && (inputs == 128 || inputs == 256);
}

template <class T>
struct LinearWeightThroughNorm {
  View<const T, M, C> x;
  View<const T, M, K> h;
  View<T, M, K> dy;  // overwritten with dh
  Activation activation = Activation::None;
  const float *mean = nullptr, *bias = nullptr;                       // [K], on the device
  const float *scale = nullptr, *slope = nullptr, *offset = nullptr;  // likewise
  View<float, K, C> dweight;
  float accumulate = 0;  // 0: overwritten; 1: added to
  Workspace workspace;
};

// Whether this GPU and these extents and addresses do; the others of these only if so.
template <class T>
bool takes_weight_through_norm(const LinearWeightThroughNorm<T>&);
template <class T>
void linear_weight_through_norm(Cuda, const LinearWeightThroughNorm<T>&);
template <class T>
std::size_t weight_through_norm_bytes(Cuda, const LinearWeightThroughNorm<T>&);

}  // namespace cf::kernels

// The two matrix products of fold_expand_norm as linear has them, and where they lie in the workspace.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"
#include "kernels/linear/linear.h"

namespace cf::kernels::detail {

// product [E,C] = expand S; S is symmetric.
template <class Args>
LinearForward<float> product_of(const Args& a, float* product, Workspace workspace = {}) {
  const auto hidden = a.expand.template extent<E>().value, channels = a.expand.template extent<C>().value;
  return {.x = {a.expand.data(), M{hidden}, C{channels}},
          .weight = {a.covariance.data(), K{channels}, C{channels}},
          .bias = {},
          .y = {product, M{hidden}, K{channels}},
          .workspace = workspace};
}

// slope [C,C] = weighted' expand.
template <class T>
LinearBackwardWeight<float> slope_of(const FoldExpandNormBackward<T>& a, const float* weighted, float* slope,
                                     Workspace workspace = {}) {
  const auto hidden = a.expand.template extent<E>().value, channels = a.expand.template extent<C>().value;
  return {.x = {a.expand.data(), M{hidden}, C{channels}},
          .dy = {weighted, M{hidden}, K{channels}},
          .dweight = {slope, K{channels}, C{channels}},
          .dbias = {},
          .workspace = workspace};
}

inline std::size_t matrix_bytes(std::int64_t size) {
  return padded_bytes(static_cast<std::size_t>(size) * sizeof(float));
}

}  // namespace cf::kernels::detail

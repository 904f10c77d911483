// The samples that stochastic depth keeps of a batch.
#pragma once

#include "framework/autograd/pass.h"

namespace cf {

// Of indices int64 [N]; no view where there are none, which means all samples.
inline View<const std::int64_t, N> view_of_kept(const Tensor& kept) {
  return kept ? kept.view<const std::int64_t, N>() : View<const std::int64_t, N>{};
}

// A gradient of all samples to which that of the kept ones can be added: the gradient so far, copied where
// somebody else holds it too, or zeros.
inline Tensor gradient_to_add_to(Pass& pass, Tensor so_far, DType dtype, const Shape& shape) {
  if (!so_far) return pass.executor().zeros(dtype, shape);
  if (so_far.is_unique()) return so_far;
  Tensor copy = pass.empty(dtype, shape);
  pass.executor().copy(so_far, copy);
  return copy;
}

}  // namespace cf

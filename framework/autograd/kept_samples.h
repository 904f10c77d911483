// The samples that stochastic depth keeps of a batch.
#pragma once

#include "framework/tensor/tensor.h"

namespace cf {

// Of indices int64 [N]; no view where there are none, which means all samples.
inline View<const std::int64_t, N> view_of_kept(const Tensor& kept) {
  return kept ? kept.view<const std::int64_t, N>() : View<const std::int64_t, N>{};
}

}  // namespace cf

// The samples that stochastic depth keeps, where the host can read them.
#pragma once

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/view.h"

namespace cf {

// kept must be ascending indices of samples.
inline void check_kept(std::string_view kernel, const View<const std::int64_t, N>& kept, N samples) {
  if (!kept) return;
  std::int64_t lowest = 0;
  for (const N i : range(kept.extent<N>())) {
    CF_CHECK(kept(i) >= lowest && kept(i) < samples.value, kernel, ": kept[", i.value, "] is ", kept(i),
             ", must be in [", lowest, ", ", samples.value, "): ascending, distinct samples");
    lowest = kept(i) + 1;
  }
}

}  // namespace cf

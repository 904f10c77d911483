#include "apps/bench/fusion_limit.h"

namespace cf::apps {

std::optional<std::int64_t> width_where_fusion_stops(std::span<const WidthTimes> widths) {
  constexpr double kNoticed = 1e-3;  // more than rounding of what is predicted
  std::optional<std::int64_t> stop;
  for (auto at = widths.rbegin(); at != widths.rend(); ++at) {
    if (at->fused < (1 - kNoticed) * at->layers) break;
    stop = at->width;
  }
  return stop;
}

}  // namespace cf::apps

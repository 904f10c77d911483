// Up to which width fusing a block pays.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace cf::apps {

// A block of one width, both ways.
struct WidthTimes {
  std::int64_t width;
  double layers, fused;  // seconds
};

// The first of the widths, which ascend, from which on fused is never faster by a thousandth; null where it
// is at the widest.
std::optional<std::int64_t> width_where_fusion_stops(std::span<const WidthTimes> widths);

}  // namespace cf::apps

// The segment of an element, looked up on the device.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/elementwise.cuh"
#include "kernels/optimizer_step/optimizer_step.h"

namespace cf::kernels {

inline constexpr int kBucketPack = kPack<float>;

// Ascending and disjoint, in device memory.
struct SegmentTable {
  const Segment* segments;
  std::int64_t count;

  explicit SegmentTable(std::span<const Segment> table)
      : segments(table.data()), count(static_cast<std::int64_t>(table.size())) {}

  // The last segment that starts at or before element i; null where none does.
  __device__ const Segment* starting_before(std::int64_t i) const {
    std::int64_t first = 0, last = count;
    while (first < last) {
      const std::int64_t middle = (first + last) / 2;
      if (segments[middle].offset <= i) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return first == 0 ? nullptr : segments + (first - 1);
  }

  // Calls body<n>(first element, segment) where the n elements from `first` lie in one segment, else
  // body<1>(i, segment) for those of them that lie in any: the rest is padding.
  template <int n, class Body>
  __device__ void visit(std::int64_t first, const Body& body) const {
    const Segment* segment = starting_before(first);
    if (segment != nullptr && first + n <= segment->offset + segment->length) {
      body.template operator()<n>(first, *segment);
    } else if constexpr (n > 1) {
      for (std::int64_t i = first; i < first + n; ++i) visit<1>(i, body);
    }
  }
};

}  // namespace cf::kernels

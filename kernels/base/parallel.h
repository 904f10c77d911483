// Loops over the threads of place Cpu.
//
// Results must not depend on the number of threads: a loop whose items are independent uses parallel(); a sum
// is cut into sum_slices(), whose number depends on the size alone, one partial sum for each slice, and the
// partial sums are added in order.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>

#include "kernels/base/place.h"

namespace cf::kernels {

// Work below this is done by the calling thread: waking the others takes about as long.
inline constexpr double kInlineNanoseconds = 20e3;

// Parts that parallel_parts() makes of a loop at most.
inline int part_count(Cpu place) { return place.threads->count(); }

// Ranges a thread is given one after another: it takes the next when it has done one, so that a thread whose
// core is needed elsewhere (by the data loader) does not hold up the others.
inline constexpr std::int64_t kRangesPerThread = 4;

// body(part, first, last) on ranges that cover [0, size), bounds multiples of grain; calls with the same
// part, in [0, part_count), do not overlap in time. One call on the calling thread where the whole takes less
// than kInlineNanoseconds. nanoseconds: estimate for one item on one thread.
template <class Body>
void parallel_parts(Cpu place, std::int64_t size, std::int64_t grain, double nanoseconds, const Body& body) {
  if (size <= 0) return;
  const int threads = place.threads->count();
  if (threads == 1 || size <= grain || static_cast<double>(size) * nanoseconds < kInlineNanoseconds) {
    body(0, std::int64_t{0}, size);
    return;
  }
  const auto ranges = static_cast<int>(std::min((size + grain - 1) / grain, kRangesPerThread * threads));
  std::atomic<int> next{0};
  const auto work = [&](int part) {
    for (int i = next.fetch_add(1); i < ranges; i = next.fetch_add(1)) {
      const auto range = part_of(size, grain, i, ranges);
      body(part, range.first, range.last);
    }
  };
  place.threads->run(std::cref(work));  // by reference: a copy would be allocated
}

// The same without the part's number: body(first, last).
template <class Body>
void parallel(Cpu place, std::int64_t size, std::int64_t grain, double nanoseconds, const Body& body) {
  parallel_parts(place, size, grain, nanoseconds,
                 [&](int, std::int64_t first, std::int64_t last) { body(first, last); });
}

inline constexpr std::int64_t kMostSlices = 16;

// Number of slices for a sum over `size` items: at least `smallest` items each, at most kMostSlices.
inline int sum_slices(std::int64_t size, std::int64_t smallest) {
  return static_cast<int>(std::clamp<std::int64_t>(size / smallest, 1, kMostSlices));
}

// body(slice, first, last) for each slice of [0, size).
template <class Body>
void parallel_slices(Cpu place, std::int64_t size, int slices, double nanoseconds, const Body& body) {
  const double per_slice = nanoseconds * static_cast<double>(size) / slices;
  parallel(place, slices, 1, per_slice, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t slice = first; slice < last; ++slice) {
      const auto range = part_of(size, 1, static_cast<int>(slice), slices);
      body(static_cast<int>(slice), range.first, range.last);
    }
  });
}

}  // namespace cf::kernels

// Work on every record of a data set: in parallel by blocks, handed over in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/base/threads.h"

namespace cf::data {

// For records 0 ... count - 1: make(worker, record, slot) on several threads, then take(record, slot) on the
// caller's, in order. Worker is one per thread, Slot what is passed on; both are reused, so that their memory
// is.
template <class Worker, class Slot, class Make, class Take>
void for_each_record(std::int64_t count, int threads, Make make, Take take) {
  constexpr std::int64_t kPerThread = 32;
  Threads pool(threads);
  std::vector<Worker> workers(static_cast<std::size_t>(threads));
  std::vector<Slot> slots(static_cast<std::size_t>(kPerThread * threads));
  for (std::int64_t first = 0; first < count; first += std::ssize(slots)) {
    const std::int64_t size = std::min(count - first, std::ssize(slots));
    pool.run([&](int thread) {
      for (std::int64_t i = thread; i < size; i += threads) {
        make(workers[static_cast<std::size_t>(thread)], first + i, slots[static_cast<std::size_t>(i)]);
      }
    });
    for (std::int64_t i = 0; i < size; ++i) take(first + i, slots[static_cast<std::size_t>(i)]);
  }
}

}  // namespace cf::data

#include "framework/runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "framework/runtime/memory_pool.h"

namespace cf {

namespace {

bool live_together(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

// The lowest offset with room for `bytes` between the placed tensors, which are sorted by offset.
std::size_t lowest_gap(std::span<const std::pair<std::size_t, std::size_t>> placed, std::size_t bytes) {
  std::size_t at = 0;
  for (const auto& [begin, end] : placed) {
    if (begin >= at + bytes) break;
    at = std::max(at, end);
  }
  return at;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return tensors[a].bytes > tensors[b].bytes; });
  MemoryPlan plan{.offsets = std::vector<std::size_t>(tensors.size())};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Lifetime& tensor = tensors[order[i]];
    std::vector<std::pair<std::size_t, std::size_t>> neighbours;
    for (const std::size_t other : std::span(order).first(i)) {
      const std::size_t begin = plan.offsets[other];
      if (live_together(tensor, tensors[other])) {
        neighbours.emplace_back(begin, begin + MemoryPool::padded(tensors[other].bytes));
      }
    }
    std::sort(neighbours.begin(), neighbours.end());
    const std::size_t offset = lowest_gap(neighbours, MemoryPool::padded(tensor.bytes));
    plan.offsets[order[i]] = offset;
    plan.total_bytes = std::max(plan.total_bytes, offset + MemoryPool::padded(tensor.bytes));
  }
  return plan;
}

}  // namespace cf

// Where tensors lie whose lives are known beforehand: each at a fixed offset of one block of memory, two at
// overlapping offsets only where they do not live at the same time.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cf {

// From the first step that needs the tensor to the last one, both included.
struct Lifetime {
  std::size_t bytes;
  int first, last;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // of each tensor, aligned to MemoryPool::kAlignment
  std::size_t total_bytes = 0;
};

// Largest first, each at the lowest offset that is free over its life (Pisarchyk and Lee, 2020).
MemoryPlan plan_memory(std::span<const Lifetime> tensors);

}  // namespace cf

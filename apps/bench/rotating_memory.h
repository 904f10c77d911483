// The memory of a benchmarked case: several copies of its tensors, walked through in turn, so that their
// sum exceeds the device's last cache and every run reads its inputs from memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/runtime/executor.h"
#include "kernels/base/case.h"

namespace cf::apps {

// Workspaces and constants of a case, one set for all copies: scratch is shared in the network too.
class SharedScratch;

class RotatingMemory {
 public:
  // Copies of `problem` in `type` at the executor's place; large tensors repeat what is drawn for their
  // beginning.
  RotatingMemory(Executor& executor, const kernels::Case& problem, DType type, std::int64_t copies);
  ~RotatingMemory();
  RotatingMemory(const RotatingMemory&) = delete;
  RotatingMemory& operator=(const RotatingMemory&) = delete;

  // For one run of the case.
  kernels::CaseMemory& copy(std::int64_t number);

 private:
  class Copy;
  std::unique_ptr<SharedScratch> scratch_;
  std::vector<std::unique_ptr<Copy>> copies_;
};

// Bytes of one copy's tensors.
std::int64_t tensor_bytes(const kernels::Case& problem, DType type);

// So many copies of `copy_bytes` that they are twice `cache_bytes` together, within reason.
std::int64_t copies_beyond(std::int64_t cache_bytes, std::int64_t copy_bytes);

}  // namespace cf::apps

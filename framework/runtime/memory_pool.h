// Memory of one device, kept for reuse: a training step asks for the same sizes again and again, and after
// the first step nothing is asked of the system any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "framework/runtime/device.h"

namespace cf {

struct MemoryUse {
  std::int64_t in_use_bytes = 0;    // held by live blocks
  std::int64_t peak_bytes = 0;      // the most that was in use at once since the last reset_peak
  std::int64_t reserved_bytes = 0;  // taken from the system
};

class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  static constexpr std::size_t kAlignment = 128;
  // The next multiple of kAlignment.
  static constexpr std::size_t padded(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  virtual ~MemoryPool() = default;
  MemoryPool() = default;
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // A block of at least `bytes`, aligned to kAlignment, contents undefined; goes back to the pool with its
  // last owner, which may outlive every other reference to the pool. Throws a Device error that says how much
  // was asked for.
  virtual std::shared_ptr<std::byte> allocate(std::size_t bytes) = 0;

  virtual Device device() const = 0;
  virtual MemoryUse use() const = 0;
  virtual void reset_peak() = 0;

  // Gives the blocks that nobody holds back to the system.
  virtual void release_free() = 0;
};

std::shared_ptr<MemoryPool> make_host_pool();

// The pool of host memory that everything on the CPU shares.
MemoryPool& host_pool();

}  // namespace cf

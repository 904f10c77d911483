#include "framework/runtime/memory_pool.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace cf {

namespace {

// Sizes are rounded up so that slightly different requests (a last, smaller batch) can share blocks: to a
// multiple of 1/8 of the power of two below.
std::size_t size_class(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, MemoryPool::kAlignment);
  const std::size_t step = std::max<std::size_t>(std::bit_floor(bytes) / 8, MemoryPool::kAlignment);
  return (bytes + step - 1) / step * step;
}

class HostPool final : public MemoryPool {
 public:
  ~HostPool() override {
    for (auto& [size, blocks] : free_) {
      for (auto* block : blocks) release_to_system(block);
    }
  }

  std::shared_ptr<std::byte> allocate(std::size_t bytes) override {
    const std::size_t size = size_class(bytes);
    std::byte* block = take(size);
    // The block keeps the pool alive, not the other way round.
    return {block, [pool = std::static_pointer_cast<HostPool>(shared_from_this()), size](std::byte* p) {
              pool->give_back(p, size);
            }};
  }

  Device device() const override { return {}; }

  MemoryUse use() const override {
    const std::lock_guard lock(mutex_);
    return use_;
  }

  void reset_peak() override {
    const std::lock_guard lock(mutex_);
    use_.peak_bytes = use_.in_use_bytes;
  }

 private:
  static void release_to_system(std::byte* block) { ::operator delete (block, std::align_val_t{kAlignment}); }

  std::byte* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    std::byte* block = nullptr;
    if (auto& blocks = free_[size]; !blocks.empty()) {
      block = blocks.back();
      blocks.pop_back();
    } else {
      block = static_cast<std::byte*>(::operator new (size, std::align_val_t{kAlignment}, std::nothrow));
      CF_CHECK_AS(ErrorKind::Device, block != nullptr, "out of memory: ", size, " bytes asked for, ",
                  use_.reserved_bytes, " reserved; a smaller batch or image size needs less");
      use_.reserved_bytes += static_cast<std::int64_t>(size);
    }
    use_.in_use_bytes += static_cast<std::int64_t>(size);
    use_.peak_bytes = std::max(use_.peak_bytes, use_.in_use_bytes);
    return block;
  }

  void give_back(std::byte* block, std::size_t size) {
    const std::lock_guard lock(mutex_);
    free_[size].push_back(block);
    use_.in_use_bytes -= static_cast<std::int64_t>(size);
  }

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> free_;
  MemoryUse use_;
};

}  // namespace

std::shared_ptr<MemoryPool> make_host_pool() { return std::make_shared<HostPool>(); }

MemoryPool& host_pool() {
  static const std::shared_ptr<MemoryPool> pool = make_host_pool();
  return *pool;
}

}  // namespace cf

// A memory pool that keeps blocks given back by size, for any source of memory.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "framework/runtime/memory_pool.h"

namespace cf {

// Where a pool's memory comes from. allocate returns null where there is none left.
struct MemorySource {
  Device device;
  std::function<std::byte*(std::size_t bytes)> allocate;
  std::function<void(std::byte* block)> release;
  // Blocks go back only with the pool: recorded work uses them again when it is replayed.
  bool keeps_blocks = false;
};

class CachingPool final : public MemoryPool {
 public:
  explicit CachingPool(MemorySource source) : source_(std::move(source)) {}
  ~CachingPool() override;

  std::shared_ptr<std::byte> allocate(std::size_t bytes) override;
  Device device() const override { return source_.device; }
  MemoryUse use() const override;
  void reset_peak() override;
  void release_free() override;

 private:
  std::byte* take(std::size_t size);
  std::byte* allocate_new(std::size_t size);
  void give_back(std::byte* block, std::size_t size);
  void release_free_blocks();

  MemorySource source_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> free_;
  MemoryUse use_;
};

}  // namespace cf

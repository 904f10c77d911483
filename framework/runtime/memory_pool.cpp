#include "framework/runtime/memory_pool.h"

#include <new>

#include "framework/runtime/caching_pool.h"

namespace cf {

namespace {

constexpr std::align_val_t kHostAlignment{MemoryPool::kAlignment};

}  // namespace

std::shared_ptr<MemoryPool> make_host_pool() {
  return std::make_shared<CachingPool>(
      MemorySource{.device = {},
                   .allocate =
                       [](std::size_t bytes) {
                         return static_cast<std::byte*>(::operator new(bytes, kHostAlignment, std::nothrow));
                       },
                   .release = [](std::byte* block) { ::operator delete(block, kHostAlignment); }});
}

MemoryPool& host_pool() {
  static const std::shared_ptr<MemoryPool> pool = make_host_pool();
  return *pool;
}

}  // namespace cf

#include "framework/runtime/caching_pool.h"

#include <algorithm>
#include <bit>

namespace cf {

namespace {

// Sizes are rounded up so that slightly different requests (a last, smaller batch) can share blocks: to a
// multiple of 1/8 of the power of two below.
std::size_t size_class(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, MemoryPool::kAlignment);
  const std::size_t step = std::max<std::size_t>(std::bit_floor(bytes) / 8, MemoryPool::kAlignment);
  return (bytes + step - 1) / step * step;
}

}  // namespace

CachingPool::~CachingPool() { release_free_blocks(); }

std::shared_ptr<std::byte> CachingPool::allocate(std::size_t bytes) {
  const std::size_t size = size_class(bytes);
  std::byte* block = take(size);
  // The block keeps the pool alive, not the other way round.
  return {block, [pool = std::static_pointer_cast<CachingPool>(shared_from_this()), size](std::byte* p) {
            pool->give_back(p, size);
          }};
}

MemoryUse CachingPool::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

void CachingPool::reset_peak() {
  const std::lock_guard lock(mutex_);
  use_.peak_bytes = use_.in_use_bytes;
}

void CachingPool::release_free() {
  const std::lock_guard lock(mutex_);
  if (!source_.keeps_blocks) release_free_blocks();
}

std::byte* CachingPool::take(std::size_t size) {
  const std::lock_guard lock(mutex_);
  std::byte* block = nullptr;
  if (auto& blocks = free_[size]; !blocks.empty()) {
    block = blocks.back();
    blocks.pop_back();
  } else {
    block = allocate_new(size);
  }
  use_.in_use_bytes += static_cast<std::int64_t>(size);
  use_.peak_bytes = std::max(use_.peak_bytes, use_.in_use_bytes);
  return block;
}

// Where the source has none left, the blocks kept for other sizes go back to it first.
std::byte* CachingPool::allocate_new(std::size_t size) {
  std::byte* block = source_.allocate(size);
  if (block == nullptr && !source_.keeps_blocks) {
    release_free_blocks();
    block = source_.allocate(size);
  }
  CF_CHECK_AS(ErrorKind::Device, block != nullptr, "out of memory on ", name_of(source_.device), ": ", size,
              " bytes asked for, ", use_.in_use_bytes, " in use; a smaller batch or image size needs less");
  use_.reserved_bytes += static_cast<std::int64_t>(size);
  return block;
}

void CachingPool::give_back(std::byte* block, std::size_t size) {
  const std::lock_guard lock(mutex_);
  free_[size].push_back(block);
  use_.in_use_bytes -= static_cast<std::int64_t>(size);
}

void CachingPool::release_free_blocks() {
  for (auto& [size, blocks] : free_) {
    use_.reserved_bytes -= static_cast<std::int64_t>(size * blocks.size());
    for (auto* block : blocks) source_.release(block);
    blocks.clear();
  }
}

}  // namespace cf

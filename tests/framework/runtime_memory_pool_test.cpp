// The memory pool: alignment, reuse, accounting.
#include "framework/runtime/memory_pool.h"

#include <cstring>
#include <thread>
#include <vector>

#include "tests/data/expect_error.h"

namespace cf {
namespace {

TEST(MemoryPool, BlocksAreAlignedAndDistinct) {
  const auto pool = make_host_pool();
  std::vector<std::shared_ptr<std::byte>> blocks;
  for (const std::size_t bytes : {0, 1, 127, 128, 129, 1000, 4097, 100000}) {
    blocks.push_back(pool->allocate(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().get()) % MemoryPool::kAlignment, 0U) << bytes;
    std::memset(blocks.back().get(), static_cast<int>(blocks.size()), bytes);
  }
  EXPECT_EQ(static_cast<int>(blocks[3].get()[127]), 4);  // nobody wrote over it
}

TEST(MemoryPool, GivesBackBlocksOfNearlyTheSameSize) {
  const auto pool = make_host_pool();
  const std::byte* first = nullptr;
  {
    const auto block = pool->allocate(1 << 20);
    first = block.get();
  }
  const std::int64_t reserved = pool->use().reserved_bytes;
  const auto again = pool->allocate((1 << 20) - 5000);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(pool->use().reserved_bytes, reserved);
}

TEST(MemoryPool, CountsWhatIsInUseAndThePeak) {
  const auto pool = make_host_pool();
  auto a = pool->allocate(1024);
  auto b = pool->allocate(2048);
  EXPECT_EQ(pool->use().in_use_bytes, 3072);
  b.reset();
  EXPECT_EQ(pool->use().in_use_bytes, 1024);
  EXPECT_EQ(pool->use().peak_bytes, 3072);
  EXPECT_EQ(pool->use().reserved_bytes, 3072);
  pool->reset_peak();
  EXPECT_EQ(pool->use().peak_bytes, 1024);
  a.reset();
  EXPECT_EQ(pool->use().in_use_bytes, 0);
}

TEST(MemoryPool, ABlockOutlivesTheLastReferenceToItsPool) {
  auto pool = make_host_pool();
  const auto block = pool->allocate(4096);
  pool.reset();
  std::memset(block.get(), 1, 4096);
}

TEST(MemoryPool, ServesSeveralThreads) {
  const auto pool = make_host_pool();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 500; ++i) {
        const auto block = pool->allocate(static_cast<std::size_t>(128 * (1 + i % 3)));
        std::memset(block.get(), t, 128);
        ASSERT_EQ(static_cast<int>(block.get()[127]), t);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool->use().in_use_bytes, 0);
}

// Sanitizers end the program instead, unless their options say allocator_may_return_null=1 as the presets do.
TEST(MemoryPool, TooMuchIsADeviceErrorThatSaysHowMuch) {
  const auto pool = make_host_pool();
  expect_error(ErrorKind::Device, {"out of memory", "1152921504606846976 bytes", "smaller batch"},
               [&] { pool->allocate(std::size_t{1} << 60); });
}

}  // namespace
}  // namespace cf

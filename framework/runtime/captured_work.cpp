#include "framework/runtime/captured_work.h"

#include "framework/runtime/caching_pool.h"

namespace cf {

namespace {

// Memory of the executor's device that is not handed to anybody else. The executor's own pool keeps free
// blocks; they go back to the driver where it has none left.
std::shared_ptr<MemoryPool> make_reserved_pool(Executor& executor) {
  const auto shared = executor.pool().shared_from_this();
  MemorySource source = gpu_memory(executor.pool().device().index);
  source.keeps_blocks = true;
  source.allocate = [allocate = source.allocate, shared](std::size_t bytes) {
    std::byte* block = allocate(bytes);
    if (block == nullptr) {
      shared->release_free();
      block = allocate(bytes);
    }
    return block;
  };
  return std::make_shared<CachingPool>(std::move(source));
}

}  // namespace

bool CapturedWork::is_possible(const Executor& executor) {
  return executor.kind() == PlaceKind::Cuda && !gpu_waits_for_every_launch();
}

CapturedWork::CapturedWork(Executor& executor, const std::function<void()>& body)
    : executor_(executor), pool_(make_reserved_pool(executor)), graph_(record(executor, pool_, body)) {}

GpuGraph CapturedWork::record(Executor& executor, const std::shared_ptr<MemoryPool>& pool,
                              const std::function<void()>& body) {
  CF_CHECK(is_possible(executor), "work of ", name_of(executor.pool().device()), " cannot be recorded");
  executor.synchronize();  // work given so far may use blocks that go back to the driver
  Executor::Memory memory{.pool = pool, .scratch = {}, .scratch_bytes = 0};
  std::swap(memory, executor.memory_);
  // Also where the body throws; the workspace goes back to the pool, which keeps it for the replays.
  const std::shared_ptr<void> restore(nullptr, [&](void*) { std::swap(memory, executor.memory_); });
  return GpuGraph::capture(*executor.stream(), body);
}

void CapturedWork::replay() const { graph_.launch(*executor_.stream()); }

}  // namespace cf

// A build without CUDA: no GPUs.
#ifndef CF_WITH_CUDA

#include "framework/runtime/caching_pool.h"
#include "framework/runtime/gpu.h"
#include "framework/runtime/gpu_graph.h"

namespace cf {

namespace {

[[noreturn]] void fail_absent() { fail(ErrorKind::Device, "this program was built without CUDA"); }

}  // namespace

GpuCount count_gpus() { return {0, "this program was built without CUDA"}; }
GpuProperties gpu_properties(int) { fail_absent(); }
GpuStream::GpuStream(int) { fail_absent(); }
GpuStream::~GpuStream() = default;
void GpuStream::synchronize() const { fail_absent(); }
void GpuStream::copy_from_host(void*, const void*, std::size_t) const { fail_absent(); }
void GpuStream::copy_to_host(void*, const void*, std::size_t) const { fail_absent(); }
void GpuStream::copy(void*, const void*, std::size_t) const { fail_absent(); }
void GpuStream::zero(void*, std::size_t) const { fail_absent(); }
void GpuStream::start_copy_from_host(void*, const void*, std::size_t) const { fail_absent(); }
void GpuStream::start_copy_to_host(void*, const void*, std::size_t) const { fail_absent(); }
void GpuStream::wait(const GpuEvent&) const { fail_absent(); }
bool gpu_waits_for_every_launch() { return false; }
GpuGuard::GpuGuard(int) { fail_absent(); }
GpuGuard::~GpuGuard() = default;
std::shared_ptr<std::byte> allocate_page_locked(std::size_t) { fail_absent(); }
std::shared_ptr<MemoryPool> make_gpu_pool(int) { fail_absent(); }
MemorySource gpu_memory(int) { fail_absent(); }

GpuEvent::GpuEvent() { fail_absent(); }
GpuEvent::~GpuEvent() = default;
GpuEvent::GpuEvent(GpuEvent&&) noexcept = default;
void GpuEvent::record(const GpuStream&) { fail_absent(); }
void GpuEvent::synchronize() const { fail_absent(); }
double GpuEvent::milliseconds_since(const GpuEvent&) const { fail_absent(); }

GpuGraph GpuGraph::capture(const GpuStream&, const std::function<void()>&) { fail_absent(); }
GpuGraph::~GpuGraph() = default;
GpuGraph::GpuGraph(GpuGraph&&) noexcept = default;
void GpuGraph::launch(const GpuStream&) const { fail_absent(); }
std::vector<GpuKernel> kernels_of(const GpuStream&, const std::function<void()>&) { fail_absent(); }

}  // namespace cf

#endif

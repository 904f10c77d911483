// A build without CUDA: no GPUs.
#ifndef CF_WITH_CUDA

#include "framework/runtime/gpu.h"

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
std::shared_ptr<MemoryPool> make_gpu_pool(int) { fail_absent(); }

}  // namespace cf

#endif

#include <cstdio>

#include "framework/runtime/caching_pool.h"
#include "framework/runtime/gpu.h"
#include "framework/runtime/gpu_graph.h"
#include "kernels/base/launch.cuh"

namespace cf {

namespace {

// As nvidia-smi writes it: "GPU-" and 16 bytes in hexadecimal.
std::string identity_of(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits;
  }
  return text;
}

}  // namespace

GpuCount count_gpus() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return {0, cudaGetErrorString(status)};
  if (count == 0) return {0, "the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES?)"};
  return {count, ""};
}

GpuProperties gpu_properties(int index) {
  cudaDeviceProp properties{};
  CF_CUDA(cudaGetDeviceProperties(&properties, index));
  GpuProperties out{.name = properties.name,
                    .compute_major = properties.major,
                    .compute_minor = properties.minor,
                    .multiprocessors = properties.multiProcessorCount,
                    .memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem),
                    .identity = identity_of(properties.uuid)};
  CF_CUDA(cudaDriverGetVersion(&out.driver_version));
  CF_CUDA(cudaRuntimeGetVersion(&out.runtime_version));
  return out;
}

GpuStream::GpuStream(int device_index) {
  CF_CUDA(cudaSetDevice(device_index));
  CF_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

GpuStream::~GpuStream() {
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

void GpuStream::synchronize() const { CF_CUDA(cudaStreamSynchronize(stream_)); }

void GpuStream::copy_from_host(void* to, const void* from, std::size_t bytes) const {
  CF_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_));
  synchronize();
}

void GpuStream::copy_to_host(void* to, const void* from, std::size_t bytes) const {
  CF_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_));
  synchronize();
}

void GpuStream::copy(void* to, const void* from, std::size_t bytes) const {
  CF_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
}

void GpuStream::zero(void* to, std::size_t bytes) const { CF_CUDA(cudaMemsetAsync(to, 0, bytes, stream_)); }

void GpuStream::start_copy_from_host(void* to, const void* from, std::size_t bytes) const {
  CF_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_));
}

void GpuStream::start_copy_to_host(void* to, const void* from, std::size_t bytes) const {
  CF_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_));
}

void GpuStream::wait(const GpuEvent& event) const { CF_CUDA(cudaStreamWaitEvent(stream_, event.get(), 0)); }

bool gpu_waits_for_every_launch() { return waits_for_every_launch(); }

GpuGuard::GpuGuard(int device_index) {
  CF_CUDA(cudaGetDevice(&before_));
  CF_CUDA(cudaSetDevice(device_index));
}

GpuGuard::~GpuGuard() { cudaSetDevice(before_); }

std::shared_ptr<std::byte> allocate_page_locked(std::size_t bytes) {
  void* block = nullptr;
  const cudaError_t status = cudaMallocHost(&block, bytes);
  CF_CHECK_AS(ErrorKind::Device, status == cudaSuccess, "no page-locked host memory of ", bytes,
              " bytes: ", cudaGetErrorString(status));
  return {static_cast<std::byte*>(block), [](std::byte* p) { cudaFreeHost(p); }};
}

MemorySource gpu_memory(int device_index) {
  const auto allocate = [device_index](std::size_t bytes) -> std::byte* {
    const GpuGuard guard(device_index);
    void* block = nullptr;
    const cudaError_t status = cudaMalloc(&block, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // it is reported by the pool
      return nullptr;
    }
    check_cuda(status, "cudaMalloc");
    return static_cast<std::byte*>(block);
  };
  return {.device = {DeviceKind::Gpu, device_index}, .allocate = allocate, .release = [](std::byte* block) {
            cudaFree(block);
          }};
}

std::shared_ptr<MemoryPool> make_gpu_pool(int device_index) {
  return std::make_shared<CachingPool>(gpu_memory(device_index));
}

}  // namespace cf

#include "tests/kernels/device_memory.h"

#include "kernels/base/launch.cuh"

namespace cf::kernels {

std::string missing_gpu() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return concat("no GPU: ", cudaGetErrorString(status));
  return count > 0 ? "" : "no GPU";
}

DeviceBuffer::DeviceBuffer(std::size_t bytes) {
  void* memory = nullptr;
  CF_CUDA(cudaMalloc(&memory, bytes));
  data_ = static_cast<std::byte*>(memory);
}

DeviceBuffer::~DeviceBuffer() { cudaFree(data_); }

void DeviceBuffer::upload(std::span<const std::byte> from) {
  CF_CUDA(cudaMemcpy(data_, from.data(), from.size(), cudaMemcpyHostToDevice));
}

void DeviceBuffer::download(std::span<std::byte> to) const {
  CF_CUDA(cudaDeviceSynchronize());
  CF_CUDA(cudaMemcpy(to.data(), data_, to.size(), cudaMemcpyDeviceToHost));
}

}  // namespace cf::kernels

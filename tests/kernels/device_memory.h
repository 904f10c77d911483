// Memory of the GPU, for tests that run kernels there; the CUDA runtime stays behind this header.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace cf::kernels {

// Why there is no GPU to test on; empty where there is one.
std::string missing_gpu();

class DeviceBuffer {
 public:
  // Aligned to 256 bytes at least.
  explicit DeviceBuffer(std::size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  std::byte* data() const { return data_; }  // an address of the GPU
  void upload(std::span<const std::byte> from);
  void download(std::span<std::byte> to) const;  // waits for the kernels before

 private:
  std::byte* data_ = nullptr;
};

}  // namespace cf::kernels

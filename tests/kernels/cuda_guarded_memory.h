// GuardedMemory of a run on the GPU: tensors and workspaces travel there with their guard zones, and back.
#pragma once

#include <cstring>
#include <map>
#include <memory>

#include "tests/kernels/device_memory.h"
#include "tests/kernels/guarded_memory.h"

namespace cf::kernels {

class CudaGuardedMemory : public GuardedMemory {
 public:
  using GuardedMemory::GuardedMemory;

  void* tensor(int index) override { return on_device(buffer(index)); }
  Workspace workspace(std::size_t bytes) override { return {on_device(add_workspace(bytes)), bytes}; }
  const void* constants(const void* host, std::size_t bytes) override {
    GuardedBuffer& copy = add_workspace(bytes);
    std::memcpy(copy.data(), host, bytes);
    return on_device(copy);
  }
  void collect() override {
    for (auto& [host, device] : copies_) device->download(host->guarded());
  }

 private:
  std::byte* on_device(GuardedBuffer& host) {
    auto& device = copies_[&host];
    if (!device) {
      device = std::make_unique<DeviceBuffer>(host.guarded().size());
      device->upload(host.guarded());
    }
    return device->data() + GuardedBuffer::kGuard;
  }

  std::map<GuardedBuffer*, std::unique_ptr<DeviceBuffer>> copies_;
};

}  // namespace cf::kernels

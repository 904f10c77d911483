// Host memory of one run of a case, with a guard zone on both sides of each tensor and of the workspace.
// Guard zones, workspace and outputs start as bytes 0xff, which is NaN in every floating type: what reads
// them or leaves them unwritten shows.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/case.h"

namespace cf::kernels {

class GuardedBuffer {
 public:
  static constexpr std::size_t kGuard = 256;  // bytes on each side, a multiple of the alignment

  explicit GuardedBuffer(std::size_t bytes);
  std::byte* data() { return storage_.data() + start_; }
  const std::byte* data() const { return storage_.data() + start_; }
  std::size_t size() const { return size_; }
  bool intact() const;

  // The data between its two guard zones.
  std::span<std::byte> guarded() { return {data() - kGuard, size_ + 2 * kGuard}; }

 private:
  std::vector<std::byte> storage_;
  std::size_t size_, start_;
};

// The tensors of `problem` for one run in `type`; `alias` is an (output, input) pair that shares memory, or
// (-1, -1).
class GuardedMemory : public CaseMemory {
 public:
  GuardedMemory(const Case& problem, DType type, std::pair<int, int> alias = {-1, -1});

  void* tensor(int index) override { return buffer(index).data(); }
  Workspace workspace(std::size_t bytes) override { return {add_workspace(bytes).data(), bytes}; }
  const void* constants(const void* host, std::size_t) override { return host; }

  // To be called after a run, before anything below: brings the results here if the run was elsewhere.
  virtual void collect() {}

  std::vector<double> values(int index) const;
  bool same_bits(int index, const GuardedMemory& other) const;

  // Sets a tensor's contents before a run.
  void set(int index, const std::vector<double>& values);

  // Damaged guard zones and changed inputs, one sentence each.
  std::vector<std::string> damage() const;

 protected:
  GuardedBuffer& add_workspace(std::size_t bytes);
  GuardedBuffer& buffer(int index) {
    return *buffers_[static_cast<std::size_t>(index == alias_.first ? alias_.second : index)];
  }

 private:
  const GuardedBuffer& buffer(int index) const {
    return *buffers_[static_cast<std::size_t>(index == alias_.first ? alias_.second : index)];
  }
  DType dtype(int index) const {
    return dtype_of(problem_.tensors[static_cast<std::size_t>(index)].element, type_);
  }

  const Case& problem_;
  DType type_;
  std::pair<int, int> alias_;
  std::vector<std::unique_ptr<GuardedBuffer>> buffers_;
  std::vector<std::vector<std::byte>> originals_;
  std::vector<std::unique_ptr<GuardedBuffer>> workspaces_;
};

}  // namespace cf::kernels

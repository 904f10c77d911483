#include "tests/kernels/guarded_memory.h"

#include <algorithm>
#include <cstdint>

namespace cf::kernels {

namespace {
constexpr std::size_t kAlignment = 64;
constexpr std::byte kPattern{0xff};
}  // namespace

GuardedBuffer::GuardedBuffer(std::size_t bytes)
    : storage_(bytes + 2 * kGuard + kAlignment, kPattern), size_(bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
  start_ = kGuard + (kAlignment - address % kAlignment) % kAlignment;
}

bool GuardedBuffer::intact() const {
  const auto untouched = [](std::byte b) { return b == kPattern; };
  const auto* end = storage_.data() + storage_.size();
  return std::all_of(storage_.data(), data(), untouched) && std::all_of(data() + size_, end, untouched);
}

GuardedMemory::GuardedMemory(const Case& problem, DType type, std::pair<int, int> alias)
    : problem_(problem), type_(type), alias_(alias), originals_(problem.tensors.size()) {
  for (int i = 0; i < static_cast<int>(problem.tensors.size()); ++i) {
    const auto& tensor = problem.tensors[static_cast<std::size_t>(i)];
    buffers_.push_back(std::make_unique<GuardedBuffer>(static_cast<std::size_t>(tensor.size()) *
                                                       static_cast<std::size_t>(size_of(dtype(i)))));
    if (tensor.role != Role::Output) set(i, problem.draw(i, type));
  }
}

void GuardedMemory::set(int index, const std::vector<double>& values) {
  const auto i = static_cast<std::size_t>(index);
  encode(values, dtype(index), buffers_[i]->data());
  if (problem_.tensors[i].role == Role::Input && index != alias_.second) {
    originals_[i].assign(buffers_[i]->data(), buffers_[i]->data() + buffers_[i]->size());
  }
}

GuardedBuffer& GuardedMemory::add_workspace(std::size_t bytes) {
  workspaces_.push_back(std::make_unique<GuardedBuffer>(bytes));
  return *workspaces_.back();
}

std::vector<double> GuardedMemory::values(int index) const {
  return decode(buffer(index).data(), dtype(index), problem_.tensors[static_cast<std::size_t>(index)].size());
}

bool GuardedMemory::same_bits(int index, const GuardedMemory& other) const {
  const auto& mine = buffer(index);
  const auto& theirs = other.buffer(index);
  return mine.size() == theirs.size() && std::equal(mine.data(), mine.data() + mine.size(), theirs.data());
}

std::vector<std::string> GuardedMemory::damage() const {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const auto& tensor = problem_.tensors[i];
    if (!buffers_[i]->intact()) found.push_back("writes outside of " + tensor.name);
    const auto& original = originals_[i];
    if (!original.empty() && !std::equal(original.begin(), original.end(), buffers_[i]->data())) {
      found.push_back("changes its input " + tensor.name);
    }
  }
  for (const auto& workspace : workspaces_) {
    if (!workspace->intact()) found.push_back("writes outside of its workspace");
  }
  return found;
}

}  // namespace cf::kernels

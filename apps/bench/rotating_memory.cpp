#include "apps/bench/rotating_memory.h"

#include <algorithm>

#include "apps/bench/repeated_values.h"

namespace cf::apps {

namespace {

using kernels::Case;
using kernels::CaseTensor;
using kernels::Role;

// Of a larger tensor only so many values are drawn, and repeated.
constexpr std::int64_t kMostDrawn = 1 << 18;

void fill(Executor& executor, const Case& problem, int index, DType type, const Tensor& into) {
  // Of labels and sample numbers all: their order may matter.
  const std::int64_t drawn = into.dtype() == DType::Int64 ? into.size() : std::min(into.size(), kMostDrawn);
  fill_repeating(executor, problem.draw(index, type, drawn), into);
}

}  // namespace

// A case asks for the same things in the same order in every run; they are made in its first one.
class SharedScratch {
 public:
  explicit SharedScratch(Executor& executor) : executor_(executor) {}

  void begin_run() { next_workspace_ = next_constants_ = 0; }

  kernels::Workspace workspace(std::size_t bytes) {
    return made(workspaces_, next_workspace_, bytes, [](const Tensor&) {}).bytes();
  }

  const void* constants(const void* host, std::size_t bytes) {
    return made(constants_, next_constants_, bytes,
                [&](const Tensor& tensor) {
                  executor_.write({static_cast<const std::byte*>(host), bytes}, tensor);
                })
        .data();
  }

 private:
  template <class Fill>
  const Tensor& made(std::vector<Tensor>& tensors, std::size_t& next, std::size_t bytes, const Fill& fill) {
    if (next == tensors.size()) {
      tensors.push_back(executor_.empty(DType::UInt8, Shape(I{static_cast<std::int64_t>(bytes)})));
      fill(tensors.back());
    }
    CF_CHECK(tensors[next].size_bytes() == bytes, "a case asks for ", bytes, " bytes, before for ",
             tensors[next].size_bytes());
    return tensors[next++];
  }

  Executor& executor_;
  std::vector<Tensor> workspaces_, constants_;
  std::size_t next_workspace_ = 0, next_constants_ = 0;
};

class RotatingMemory::Copy final : public kernels::CaseMemory {
 public:
  Copy(Executor& executor, const Case& problem, DType type, SharedScratch& scratch) : scratch_(scratch) {
    for (const CaseTensor& tensor : problem.tensors) {
      tensors_.push_back(executor.empty(dtype_of(tensor.element, type), Shape(I{tensor.size()})));
    }
  }

  void draw(Executor& executor, const Case& problem, DType type) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (problem.tensors[i].role != Role::Output)
        fill(executor, problem, static_cast<int>(i), type, tensors_[i]);
    }
  }

  void copy_from(Executor& executor, const Copy& other, const Case& problem) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (problem.tensors[i].role != Role::Output) executor.copy(other.tensors_[i], tensors_[i]);
    }
  }

  void* tensor(int index) override { return tensors_[static_cast<std::size_t>(index)].data(); }
  kernels::Workspace workspace(std::size_t bytes) override { return scratch_.workspace(bytes); }
  const void* constants(const void* host, std::size_t bytes) override {
    return scratch_.constants(host, bytes);
  }

 private:
  SharedScratch& scratch_;
  std::vector<Tensor> tensors_;
};

RotatingMemory::RotatingMemory(Executor& executor, const Case& problem, DType type, std::int64_t copies)
    : scratch_(std::make_unique<SharedScratch>(executor)) {
  for (std::int64_t i = 0; i < copies; ++i) {
    copies_.push_back(std::make_unique<Copy>(executor, problem, type, *scratch_));
    if (i == 0) {
      copies_[0]->draw(executor, problem, type);
    } else {
      copies_.back()->copy_from(executor, *copies_[0], problem);
    }
  }
  executor.synchronize();
}

RotatingMemory::~RotatingMemory() = default;

kernels::CaseMemory& RotatingMemory::copy(std::int64_t number) {
  scratch_->begin_run();
  return *copies_.at(static_cast<std::size_t>(number));
}

std::int64_t tensor_bytes(const Case& problem, DType type) {
  std::int64_t bytes = 0;
  for (const auto& tensor : problem.tensors)
    bytes += tensor.size() * size_of(kernels::dtype_of(tensor.element, type));
  return bytes;
}

std::int64_t copies_beyond(std::int64_t cache_bytes, std::int64_t copy_bytes) {
  constexpr std::int64_t kMost = 1024;  // of a few kilobytes each, where any number fits into the cache
  copy_bytes = std::max<std::int64_t>(1, copy_bytes);
  return std::clamp<std::int64_t>((2 * cache_bytes + copy_bytes - 1) / copy_bytes, 2, kMost);
}

}  // namespace cf::apps

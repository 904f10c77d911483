#include "framework/runtime/executor.h"

#include <cstring>

namespace cf {

std::unique_ptr<Executor> Executor::reference() {
  auto executor = std::unique_ptr<Executor>(new Executor(PlaceKind::Reference));
  executor->pool_ = host_pool().shared_from_this();
  return executor;
}

std::unique_ptr<Executor> Executor::cpu(int threads) {
  auto executor = std::unique_ptr<Executor>(new Executor(PlaceKind::Cpu));
  executor->pool_ = host_pool().shared_from_this();
  executor->threads_ = std::make_unique<Threads>(threads);
  return executor;
}

void Executor::copy(const Tensor& from, const Tensor& to) {
  CF_CHECK(from.dtype() == to.dtype() && from.size() == to.size(), "a tensor ", from.shape().text(), " of ",
           name_of(from.dtype()), " is copied over ", to.shape().text(), " of ", name_of(to.dtype()));
  std::memcpy(to.data(), from.data(), from.size_bytes());
}

kernels::Workspace Executor::scratch(std::size_t bytes) {
  if (bytes > scratch_bytes_) {
    scratch_.reset();
    scratch_ = pool_->allocate(bytes);
    scratch_bytes_ = bytes;
  }
  return {scratch_.get(), bytes};
}

}  // namespace cf

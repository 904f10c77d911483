#include "framework/runtime/executor.h"

#include <cstring>

namespace cf {

namespace {

void check_bytes(const Tensor& tensor, std::size_t host_bytes) {
  CF_CHECK(host_bytes == tensor.size_bytes(), "a tensor ", tensor.shape().text(), " of ", tensor.size_bytes(),
           " bytes against ", host_bytes, " bytes of the host");
}

}  // namespace

std::unique_ptr<Executor> Executor::reference() {
  auto executor = std::unique_ptr<Executor>(new Executor(PlaceKind::Reference));
  executor->memory_.pool = host_pool().shared_from_this();
  return executor;
}

std::unique_ptr<Executor> Executor::cpu(int threads) {
  auto executor = std::unique_ptr<Executor>(new Executor(PlaceKind::Cpu));
  executor->memory_.pool = host_pool().shared_from_this();
  executor->threads_ = std::make_unique<Threads>(threads);
  return executor;
}

std::unique_ptr<Executor> Executor::cuda(int device_index, DType compute_type, bool tf32) {
  auto executor = std::unique_ptr<Executor>(new Executor(PlaceKind::Cuda));
  executor->compute_type_ = compute_type;
  executor->tf32_ = tf32;
  executor->memory_.pool = make_gpu_pool(device_index);
  executor->stream_ = std::make_unique<GpuStream>(device_index);
  return executor;
}

Tensor Executor::zeros(DType dtype, const Shape& shape) {
  const Tensor out = empty(dtype, shape);
  zero(out);
  return out;
}

void Executor::zero(const Tensor& tensor) {
  if (stream_) {
    stream_->zero(tensor.data(), tensor.size_bytes());
  } else {
    std::memset(tensor.data(), 0, tensor.size_bytes());
  }
}

void Executor::copy(const Tensor& from, const Tensor& to) {
  CF_CHECK(from.dtype() == to.dtype() && from.size() == to.size(), "a tensor ", from.shape().text(), " of ",
           name_of(from.dtype()), " is copied over ", to.shape().text(), " of ", name_of(to.dtype()));
  if (stream_) {
    stream_->copy(to.data(), from.data(), from.size_bytes());
  } else {
    std::memcpy(to.data(), from.data(), from.size_bytes());
  }
}

void Executor::write(std::span<const std::byte> host, const Tensor& to) {
  check_bytes(to, host.size());
  if (stream_) {
    stream_->copy_from_host(to.data(), host.data(), host.size());
  } else {
    std::memcpy(to.data(), host.data(), host.size());
  }
}

void Executor::read(const Tensor& from, std::span<std::byte> host) {
  check_bytes(from, host.size());
  if (stream_) {
    stream_->copy_to_host(host.data(), from.data(), host.size());
  } else {
    std::memcpy(host.data(), from.data(), host.size());
  }
}

Tensor Executor::to_host(const Tensor& tensor) {
  if (tensor.device().kind == DeviceKind::Host) return tensor;
  Tensor out = Tensor::empty(host_pool(), tensor.dtype(), tensor.shape());
  read(tensor, out.bytes());
  return out;
}

std::vector<float> Executor::floats(const Tensor& tensor) {
  const Tensor host = converted(to_host(tensor), DType::Float32, host_pool());
  const auto view = host.flat<const float>();
  return {view.begin(), view.end()};
}

void Executor::synchronize() {
  if (stream_) stream_->synchronize();
}

kernels::Workspace Executor::scratch(std::size_t bytes) {
  if (bytes > memory_.scratch_bytes) {
    memory_.scratch.reset();
    memory_.scratch = memory_.pool->allocate(bytes);
    memory_.scratch_bytes = bytes;
  }
  return {memory_.scratch.get(), bytes};
}

}  // namespace cf

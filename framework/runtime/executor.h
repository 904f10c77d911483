// Where a computation runs: the place kernels are called at, the memory of that place, and the scratch of its
// kernels.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework/runtime/gpu.h"
#include "framework/runtime/memory_pool.h"
#include "framework/tensor/tensor.h"
#include "kernels/base/dispatch.h"
#include "kernels/base/place.h"
#include "kernels/base/workspace.h"

namespace cf {

enum class PlaceKind { Reference, Cpu, Cuda };

class CapturedWork;

class Executor {
 public:
  // Straight loops on the calling thread, in any floating type: for tests.
  static std::unique_ptr<Executor> reference();
  // Float32 on `threads` threads.
  static std::unique_ptr<Executor> cpu(int threads);
  // Float32, float16 or bfloat16 on a GPU, in the order of one stream of its own. With tf32, matrix products
  // of float32 round their factors to 10 bits.
  static std::unique_ptr<Executor> cuda(int device_index, DType compute_type, bool tf32 = false);

  PlaceKind kind() const { return kind_; }
  // Type of the activations of a network that runs here; parameters and statistics are float32.
  DType compute_type() const { return compute_type_; }
  MemoryPool& pool() const { return *memory_.pool; }
  int threads() const { return threads_ ? threads_->count() : 1; }
  bool tf32() const { return tf32_; }
  // The order of work of a GPU; null elsewhere.
  const GpuStream* stream() const { return stream_.get(); }

  Tensor empty(DType dtype, const Shape& shape) const { return Tensor::empty(*memory_.pool, dtype, shape); }

  // All bytes zero: a new tensor, or one that is there.
  Tensor zeros(DType dtype, const Shape& shape);
  void zero(const Tensor& tensor);

  // Copies the elements of one tensor over another of equal size and type; both live at this place.
  void copy(const Tensor& from, const Tensor& to);

  // Between memory of the caller and a tensor at this place; done when the call returns. Sizes must agree.
  void write(std::span<const std::byte> host, const Tensor& to);
  void read(const Tensor& from, std::span<std::byte> host);
  template <class T>
  Tensor place(std::span<const T> host, const Shape& shape) {
    const Tensor out = empty(kDType<T>, shape);
    write(std::as_bytes(host), out);
    return out;
  }
  template <class T>
  std::vector<T> values(const Tensor& tensor) {
    CF_CHECK(tensor.dtype() == kDType<T>, "a tensor of ", name_of(tensor.dtype()), " is read as ",
             name_of(kDType<T>));
    std::vector<T> out(static_cast<std::size_t>(tensor.size()));
    read(tensor, std::as_writable_bytes(std::span(out)));
    return out;
  }

  // The values of a tensor of any floating type.
  std::vector<float> floats(const Tensor& tensor);

  // The tensor in host memory: itself where it is there already.
  Tensor to_host(const Tensor& tensor);

  // Waits for all work given to this place so far.
  void synchronize();

  // Calls body.operator()<T>(place) for the element type of `dtype`; a type the place does not compute in is
  // an error.
  template <class Body>
  void at(DType dtype, Body&& body) {
    switch (kind_) {
      case PlaceKind::Reference:
        return dispatch_floating(dtype, [&]<class T>() { body.template operator()<T>(Reference{}); });
      case PlaceKind::Cpu:
        CF_CHECK_AS(ErrorKind::Usage, dtype == DType::Float32, "the CPU computes in float32, not in ",
                    name_of(dtype));
        return body.template operator()<float>(Cpu{threads_.get()});
      case PlaceKind::Cuda:
        return at_cuda(dtype, body);
    }
  }

  // Runs a kernel call with the scratch it asks for.
  //   run(place, kernels::GroupedConvForward<T>{...}, [](auto place, const auto& args) {
  //   kernels::grouped_conv(place, args); });
  template <class Place, class Args, class Kernel>
  void with_workspace(Place place, Args args, Kernel&& kernel) {
    args.workspace = scratch(workspace_bytes(place, args));
    kernel(place, args);
  }

 private:
  friend class CapturedWork;

  // Where tensors and workspaces come from.
  struct Memory {
    std::shared_ptr<MemoryPool> pool;
    std::shared_ptr<std::byte> scratch;
    std::size_t scratch_bytes = 0;
  };

  explicit Executor(PlaceKind kind) : kind_(kind) {}
  kernels::Workspace scratch(std::size_t bytes);

  // A build without CUDA is the same code with one place fewer.
  template <class Body>
  void at_cuda([[maybe_unused]] DType dtype, [[maybe_unused]] Body& body) {
#ifdef CF_WITH_CUDA
    const Cuda place{.stream = stream_->get(), .tf32 = tf32_};
    if (dtype == DType::Float32) return body.template operator()<float>(place);
    if (dtype == DType::Float16) return body.template operator()<Half>(place);
    if (dtype == DType::BFloat16) return body.template operator()<BFloat16>(place);
    fail(ErrorKind::Usage, "a GPU computes in float32, float16 or bfloat16, not in ", name_of(dtype));
#endif
  }

  PlaceKind kind_;
  DType compute_type_ = DType::Float32;
  bool tf32_ = false;
  Memory memory_;
  std::unique_ptr<Threads> threads_;
  std::unique_ptr<GpuStream> stream_;
};

}  // namespace cf

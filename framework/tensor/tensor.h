// A dense row-major tensor with named axes: shared memory of one device, an element type, a shape.
//
// Copying a Tensor shares the memory. What a tensor holds after an op has used it must not be changed by
// others: ops overwrite only tensors they have made, or that nobody else holds (is_unique).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "framework/runtime/memory_pool.h"
#include "framework/tensor/shape.h"
#include "kernels/base/dtype.h"
#include "kernels/base/view.h"

namespace cf {

class Tensor {
 public:
  Tensor() = default;

  // Contents undefined.
  static Tensor empty(MemoryPool& pool, DType dtype, const Shape& shape);
  // All bytes zero.
  static Tensor zeros(MemoryPool& pool, DType dtype, const Shape& shape);

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  std::int64_t size() const { return shape_.size(); }
  std::size_t size_bytes() const { return static_cast<std::size_t>(size() * size_of(dtype_)); }
  explicit operator bool() const { return memory_ != nullptr; }

  // Whether no other tensor shares the memory.
  bool is_unique() const { return memory_.use_count() == 1; }

  // Typed views. The element type must be the tensor's; the axes must be its axes in order (errors name
  // both).
  template <class T, class... Axes>
  View<T, Axes...> view() const {
    check_type(kDType<T>);
    check_axes({Axes::kName...});
    return make_view<T, Axes...>(std::make_index_sequence<sizeof...(Axes)>{});
  }

  // As view, under other axis names: a block's output channels K are the next one's input channels C.
  template <class T, class... Axes>
  View<T, Axes...> renamed() const {
    check_type(kDType<T>);
    check_rank(sizeof...(Axes));
    return make_view<T, Axes...>(std::make_index_sequence<sizeof...(Axes)>{});
  }

  // All axes but the last flattened into one: the pixels M of an NHWC tensor beside its channels.
  template <class T, class Rows, class Last>
  View<T, Rows, Last> rows() const {
    check_type(kDType<T>);
    const std::int64_t last = shape_.rank() == 0 ? 0 : shape_[shape_.rank() - 1].extent;
    return {static_cast<T*>(data()), Rows{last == 0 ? 0 : size() / last}, Last{last}};
  }

  // All elements in memory order.
  template <class T>
  View<T, I> flat() const {
    check_type(kDType<T>);
    return {static_cast<T*>(data()), I{size()}};
  }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data()), size_bytes()}; }
  void* data() const { return memory_.get() + offset_bytes_; }

  // The same memory under another shape of equal size.
  Tensor reshaped(const Shape& shape) const;

  // A part of a flat tensor (one axis) under a shape of its own; shares the memory.
  Tensor slice(std::int64_t offset, const Shape& shape) const;

  // A tensor of any type in the memory of this one, which is bytes (uint8, one axis), from an offset that is
  // a multiple of its elements' size.
  Tensor inside(std::size_t offset_bytes, DType dtype, const Shape& shape) const;

 private:
  template <class T, class... Axes, std::size_t... Is>
  View<T, Axes...> make_view(std::index_sequence<Is...>) const {
    return {static_cast<T*>(data()), Axes{shape_[static_cast<int>(Is)].extent}...};
  }

  void check_type(DType wanted) const;
  void check_rank(std::size_t wanted) const;
  void check_axes(std::initializer_list<std::string_view> wanted) const;

  std::shared_ptr<std::byte> memory_;
  std::size_t offset_bytes_ = 0;
  Shape shape_;
  DType dtype_ = DType::Float32;
  Device device_;
};

// Host tensors only: a copy in memory of its own, converted to another element type where asked for.
Tensor copy_of(const Tensor& source, MemoryPool& pool);
Tensor converted(const Tensor& source, DType dtype, MemoryPool& pool);

}  // namespace cf

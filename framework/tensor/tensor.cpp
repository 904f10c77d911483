#include "framework/tensor/tensor.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/dispatch.h"

namespace cf {

Tensor Tensor::empty(MemoryPool& pool, DType dtype, const Shape& shape) {
  for (const auto& d : shape) {
    CF_CHECK(d.extent >= 0, "a tensor ", shape.text(), ": axis ", d.axis, " is negative");
  }
  Tensor out;
  out.shape_ = shape;
  out.dtype_ = dtype;
  out.device_ = pool.device();
  out.memory_ = pool.allocate(out.size_bytes());
  return out;
}

Tensor Tensor::zeros(MemoryPool& pool, DType dtype, const Shape& shape) {
  CF_CHECK(pool.device().kind == DeviceKind::Host, "zeros of a tensor on ", name_of(pool.device()));
  Tensor out = empty(pool, dtype, shape);
  std::memset(out.data(), 0, out.size_bytes());
  return out;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  CF_CHECK(shape.size() == size(), "a tensor ", shape_.text(), " cannot be seen as ", shape.text());
  Tensor out = *this;
  out.shape_ = shape;
  return out;
}

Tensor Tensor::slice(std::int64_t offset, const Shape& shape) const {
  CF_CHECK(shape_.rank() == 1, "a slice is taken of a flat tensor, not of ", shape_.text());
  CF_CHECK(offset >= 0 && offset + shape.size() <= size(), "a slice ", shape.text(), " at ", offset,
           " reaches past ", shape_.text());
  Tensor out = *this;
  out.offset_bytes_ += static_cast<std::size_t>(offset * size_of(dtype_));
  out.shape_ = shape;
  return out;
}

Tensor Tensor::inside(std::size_t offset_bytes, DType dtype, const Shape& shape) const {
  check_type(DType::UInt8);
  check_rank(1);
  Tensor out = *this;
  out.offset_bytes_ += offset_bytes;
  out.shape_ = shape;
  out.dtype_ = dtype;
  CF_CHECK(offset_bytes % static_cast<std::size_t>(size_of(dtype)) == 0 &&
               offset_bytes + out.size_bytes() <= size_bytes(),
           "a tensor ", shape.text(), " of ", name_of(dtype), " at byte ", offset_bytes, " does not fit in ",
           size_bytes(), " bytes");
  return out;
}

void Tensor::check_type(DType wanted) const {
  CF_CHECK(memory_ != nullptr, "a tensor that holds nothing is read as ", name_of(wanted));
  CF_CHECK(wanted == dtype_, "a tensor ", shape_.text(), " of ", name_of(dtype_), " is read as ",
           name_of(wanted));
}

void Tensor::check_rank(std::size_t wanted) const {
  CF_CHECK(static_cast<int>(wanted) == shape_.rank(), "a tensor ", shape_.text(), " has ", shape_.rank(),
           " axes, ", wanted, " are wanted");
}

void Tensor::check_axes(std::initializer_list<std::string_view> wanted) const {
  check_rank(wanted.size());
  int i = 0;
  for (const auto axis : wanted) {
    CF_CHECK(shape_[i].axis == axis, "axis ", i, " of a tensor ", shape_.text(), " is ", shape_[i].axis,
             ", not ", axis);
    ++i;
  }
}

Tensor copy_of(const Tensor& source, MemoryPool& pool) { return converted(source, source.dtype(), pool); }

Tensor converted(const Tensor& source, DType dtype, MemoryPool& pool) {
  CF_CHECK(source.device().kind == DeviceKind::Host && pool.device().kind == DeviceKind::Host,
           "conversion of a tensor on ", name_of(source.device()), " to ", name_of(pool.device()));
  Tensor out = Tensor::empty(pool, dtype, source.shape());
  if (dtype == source.dtype()) {
    std::memcpy(out.data(), source.data(), source.size_bytes());
    return out;
  }
  dispatch_floating(source.dtype(), [&]<class From>() {
    dispatch_floating(dtype, [&]<class To>() {
      const auto from = source.flat<const From>();
      // Through double: exact for every pair but double to half, which rounds twice at worst.
      std::transform(from.begin(), from.end(), out.flat<To>().begin(), [](From value) {
        if constexpr (std::is_same_v<To, double>) {
          return static_cast<double>(value);
        } else {
          return static_cast<To>(static_cast<float>(value));
        }
      });
    });
  });
  return out;
}

}  // namespace cf

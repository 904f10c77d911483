#include "framework/parameters/interchange.h"

#include <cstring>

namespace cf {

namespace {

// Calls copy(index in our order, index in PyTorch's) for every element of a filter.
template <class Copy>
void for_each_filter_element(const Shape& shape, Copy&& copy) {
  const std::int64_t area = shape.extent<R>().value * shape.extent<S>().value;
  const std::int64_t channels = shape.extent<C>().value;
  for (std::int64_t k = 0; k < shape.extent<K>().value; ++k) {
    for (std::int64_t tap = 0; tap < area; ++tap) {
      for (std::int64_t c = 0; c < channels; ++c) {
        copy((k * area + tap) * channels + c, (k * channels + c) * area + tap);
      }
    }
  }
}

void check_bytes(const Tensor& ours, std::size_t bytes) {
  CF_CHECK(bytes == ours.size_bytes(), "a tensor ", ours.shape().text(), " of ", ours.size_bytes(),
           " bytes against ", bytes, " of interchange");
}

}  // namespace

std::vector<std::int64_t> interchange_shape(const Shape& shape, Interchange interchange) {
  if (interchange == Interchange::Filter) {
    return {shape.extent<K>().value, shape.extent<C>().value, shape.extent<R>().value,
            shape.extent<S>().value};
  }
  std::vector<std::int64_t> out;
  for (const auto& d : shape) out.push_back(d.extent);
  if (interchange == Interchange::Pointwise) out.insert(out.end(), {1, 1});
  return out;
}

void to_interchange(const Tensor& ours, Interchange interchange, std::span<std::byte> out) {
  check_bytes(ours, out.size());
  const std::byte* from = ours.bytes().data();
  if (interchange != Interchange::Filter) {
    std::memcpy(out.data(), from, out.size());
    return;
  }
  const auto width = static_cast<std::int64_t>(size_of(ours.dtype()));
  for_each_filter_element(ours.shape(), [&](std::int64_t mine, std::int64_t theirs) {
    std::memcpy(out.data() + theirs * width, from + mine * width, static_cast<std::size_t>(width));
  });
}

void from_interchange(std::span<const std::byte> in, Interchange interchange, const Tensor& ours) {
  check_bytes(ours, in.size());
  std::byte* to = ours.bytes().data();
  if (interchange != Interchange::Filter) {
    std::memcpy(to, in.data(), in.size());
    return;
  }
  const auto width = static_cast<std::int64_t>(size_of(ours.dtype()));
  for_each_filter_element(ours.shape(), [&](std::int64_t mine, std::int64_t theirs) {
    std::memcpy(to + mine * width, in.data() + theirs * width, static_cast<std::size_t>(width));
  });
}

}  // namespace cf

#include "kernels/base/case.h"

#include <algorithm>

namespace cf::kernels {

namespace {

// FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

template <class Body>
void dispatch_element(DType type, Body&& body) {
  switch (type) {
    case DType::Float64:
      return body.template operator()<double>();
    case DType::Float32:
      return body.template operator()<float>();
    case DType::Float16:
      return body.template operator()<Half>();
    case DType::BFloat16:
      return body.template operator()<BFloat16>();
    case DType::UInt8:
      return body.template operator()<std::uint8_t>();
    case DType::Int64:
      return body.template operator()<std::int64_t>();
  }
}

template <class T>
T from_double(double value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

Draw each(std::function<double(Philox&)> next) {
  return [next = std::move(next)](Philox& philox, std::span<double> values) {
    for (double& value : values) value = next(philox);
  };
}

}  // namespace

DType dtype_of(Element element, DType type) {
  switch (element) {
    case Element::T:
      return type;
    case Element::WideT:
      return type == DType::Float64 ? DType::Float64 : DType::Float32;
    case Element::Float32:
      return DType::Float32;
    case Element::Int64:
      return DType::Int64;
    case Element::UInt8:
      return DType::UInt8;
  }
  return type;
}

Draw normal(double mean, double deviation) {
  return each([=](Philox& philox) { return mean + deviation * static_cast<double>(philox.normal()); });
}

Draw uniform(double low, double high) {
  return each([=](Philox& philox) { return low + (high - low) * static_cast<double>(philox.uniform()); });
}

Draw rectified_normal(double mean, double deviation) {
  return each(
      [=](Philox& philox) { return std::max(0.0, mean + deviation * static_cast<double>(philox.normal())); });
}

Draw integers(std::int64_t bound) {
  return each(
      [=](Philox& philox) { return static_cast<double>(philox.below(static_cast<std::uint64_t>(bound))); });
}

Draw ascending_subset(std::int64_t bound) {
  return [=](Philox& philox, std::span<double> values) {
    const auto wanted = static_cast<std::int64_t>(values.size());
    CF_CHECK(wanted <= bound, "a subset of ", wanted, " out of ", bound);
    std::int64_t taken = 0;  // selection sampling: i is taken with probability (still wanted) / (still left)
    for (std::int64_t i = 0; i < bound && taken < wanted; ++i) {
      const auto left = static_cast<std::uint64_t>(bound - i);
      if (philox.below(left) < static_cast<std::uint64_t>(wanted - taken)) {
        values[static_cast<std::size_t>(taken++)] = static_cast<double>(i);
      }
    }
  };
}

std::int64_t CaseTensor::size() const {
  std::int64_t size = 1;
  for (const auto extent : shape) size *= extent;
  return size;
}

double Case::bytes(DType type) const {
  double sum = 0;
  for (const auto& tensor : tensors) {
    const double passes = tensor.role == Role::InOut ? 2 : 1;
    sum += passes * static_cast<double>(tensor.size()) * size_of(dtype_of(tensor.element, type));
  }
  return sum;
}

std::vector<double> Case::draw(int tensor, DType type, std::int64_t most) const {
  const auto& what = tensors.at(static_cast<std::size_t>(tensor));
  CF_CHECK(what.draw, "tensor ", what.name, " of case ", name, " is an output and has no draw");
  std::vector<double> values(static_cast<std::size_t>(std::min(what.size(), most)));
  Philox philox(hash_of(name), Purpose::Test, 0, static_cast<std::uint64_t>(tensor));
  what.draw(philox, values);
  dispatch_element(dtype_of(what.element, type), [&]<class E>() {
    for (double& value : values) value = static_cast<double>(from_double<E>(value));
  });
  return values;
}

void encode(std::span<const double> values, DType type, void* memory) {
  dispatch_element(type, [&]<class E>() {
    std::transform(values.begin(), values.end(), static_cast<E*>(memory), from_double<E>);
  });
}

std::vector<double> decode(const void* memory, DType type, std::int64_t size) {
  std::vector<double> values(static_cast<std::size_t>(size));
  dispatch_element(type, [&]<class E>() {
    const auto* first = static_cast<const E*>(memory);
    std::transform(first, first + size, values.begin(), [](E value) { return static_cast<double>(value); });
  });
  return values;
}

}  // namespace cf::kernels

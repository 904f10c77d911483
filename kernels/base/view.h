// A typed view of dense row-major memory: View<const float, N, H, W, C> x.
//
//   x(n, h, w, c)         the element; the axes may be given in any order, each exactly once
//   x.extent<H>()         the extent of an axis, as that axis
//   x.at(n, h)            pointer to the first element of the remaining axes (leading axes only, in order)
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "kernels/base/axes.h"

namespace cf {

template <class T, class... Axes>
class View {
 public:
  static constexpr int kRank = sizeof...(Axes);
  using Element = T;

  constexpr View() = default;
  CF_HOST_DEVICE constexpr View(T* data, Axes... extents) : data_(data), extents_{extents.value...} {}

  // A view of mutable elements is a view of const ones.
  template <class U>
  requires(std::is_same_v<const U, T> && !std::is_same_v<U, T>) CF_HOST_DEVICE
      constexpr View(const View<U, Axes...>& other)  // NOLINT: conversion is intended
      : data_(other.data()), extents_(other.extents()) {}

  template <class... Indices>
  CF_HOST_DEVICE constexpr T& operator()(Indices... indices) const {
    static_assert(sizeof...(Indices) == sizeof...(Axes), "one index per axis");
    static_assert((has_one<Axes, Indices...>() && ...), "each axis of the view exactly once");
    return data_[offset(indices...)];
  }

  // Pointer to the elements behind the leading axes, given in order.
  template <class... Leading>
  CF_HOST_DEVICE constexpr T* at(Leading... leading) const {
    static_assert(are_leading<Leading...>(), "leading axes of the view, in order");
    std::int64_t index = 0;
    int i = 0;
    ((index = index * extents_[i++] + leading.value), ...);
    for (; i < kRank; ++i) index *= extents_[i];
    return data_ + index;
  }

  template <class A>
  CF_HOST_DEVICE constexpr A extent() const {
    return A{extents_[position<A>()]};
  }

  CF_HOST_DEVICE constexpr std::int64_t size() const {
    std::int64_t n = 1;
    for (const auto e : extents_) n *= e;
    return n;
  }
  CF_HOST_DEVICE constexpr T* data() const { return data_; }
  CF_HOST_DEVICE constexpr const std::array<std::int64_t, kRank>& extents() const { return extents_; }
  CF_HOST_DEVICE constexpr explicit operator bool() const { return data_ != nullptr; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size(); }

 private:
  template <class A, class... Indices>
  static constexpr bool has_one() {
    return (static_cast<int>(std::is_same_v<A, Indices>) + ... + 0) == 1;
  }

  template <class A>
  static constexpr int position() {
    static_assert(has_one<A, Axes...>(), "not an axis of this view");
    int i = 0, found = 0;
    ((std::is_same_v<A, Axes> ? found = i++ : i++), ...);
    return found;
  }

  template <class... Leading>
  static constexpr bool are_leading() {
    if constexpr (sizeof...(Leading) > sizeof...(Axes)) {
      return false;
    } else {
      int i = 0;
      return ((position<Leading>() == i++) && ...);
    }
  }

  template <class A, class... Indices>
  static constexpr std::int64_t value_of(Indices... indices) {
    std::int64_t value = 0;
    ((std::is_same_v<A, Indices> ? value = indices.value : value), ...);
    return value;
  }

  template <class... Indices>
  CF_HOST_DEVICE constexpr std::int64_t offset(Indices... indices) const {
    std::int64_t index = 0;
    ((index = index * extents_[position<Axes>()] + value_of<Axes>(indices...)), ...);
    return index;
  }

  T* data_ = nullptr;
  std::array<std::int64_t, kRank> extents_{};
};

// The same elements with other axes:  as<M, C>(x) flattens all leading axes of an NHWC view into M.
template <class Rows, class Last, class T, class... Axes>
CF_HOST_DEVICE constexpr View<T, Rows, Last> as_rows(const View<T, Axes...>& x) {
  const auto last = x.extents()[sizeof...(Axes) - 1];
  return View<T, Rows, Last>(x.data(), Rows{last == 0 ? 0 : x.size() / last}, Last{last});
}

}  // namespace cf

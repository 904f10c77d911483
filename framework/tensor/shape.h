// Extents with axis names: Shape(N{32}, H{7}, W{7}, C{64}).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/axes.h"
#include "kernels/base/check.h"

namespace cf {

struct Dimension {
  std::string_view axis;  // a name of kernels/base/axes.h
  std::int64_t extent = 0;

  friend bool operator==(const Dimension&, const Dimension&) = default;
};

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;

  template <class... Axes>
  requires(sizeof...(Axes) <= kMaxRank && sizeof...(Axes) > 0 &&
           (std::is_base_of_v<Axis<Axes>, Axes> && ...)) explicit Shape(Axes... extents)
      : dimensions_{Dimension{Axes::kName, extents.value}...}, rank_(sizeof...(Axes)) {}

  int rank() const { return rank_; }
  const Dimension& operator[](int i) const { return dimensions_[static_cast<std::size_t>(i)]; }
  const Dimension* begin() const { return dimensions_.data(); }
  const Dimension* end() const { return dimensions_.data() + rank_; }

  std::int64_t size() const {
    std::int64_t n = 1;
    for (const auto& d : *this) n *= d.extent;
    return n;
  }

  // Extent of an axis; an axis the shape does not have is an error.
  template <class A>
  A extent() const {
    for (const auto& d : *this) {
      if (d.axis == A::kName) return A{d.extent};
    }
    fail(ErrorKind::Internal, "no axis ", A::kName, " in ", text());
  }

  // The same shape with another extent along one axis.
  template <class A>
  Shape with(A extent) const {
    Shape out = *this;
    for (auto& d : out.dimensions_) {
      if (d.axis == A::kName) d.extent = extent.value;
    }
    return out;
  }

  // "[N=32,H=7,W=7,C=64]"
  std::string text() const {
    std::string out = "[";
    for (const auto& d : *this) out += concat(out.size() > 1 ? "," : "", d.axis, "=", d.extent);
    return out + "]";
  }

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<Dimension, kMaxRank> dimensions_{};
  int rank_ = 0;
};

}  // namespace cf

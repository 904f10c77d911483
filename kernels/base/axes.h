// Axes are types: N, H, W, C ... An axis value is an extent or an index along that axis, and one axis does
// not convert to another, so that x(n, c, h) with the wrong c does not compile.
//
// Names are the literature's capital letters:
//   N samples   H W rows and columns   C channels in   K channels out (classes at the head)   R S filter
//   rows, columns M pixels or rows of a matrix (N*H*W flattened)     D squeezed channels of squeeze-excite P
//   Q output rows and columns   E hidden (expanded) channels   I elements of a flat buffer
#pragma once

#include <compare>
#include <cstdint>

#ifdef __CUDACC__
#define CF_HOST_DEVICE __host__ __device__
#else
#define CF_HOST_DEVICE
#endif

namespace cf {

template <class Self>
struct Axis {
  std::int64_t value = 0;

  constexpr Axis() = default;
  CF_HOST_DEVICE constexpr explicit Axis(std::int64_t v) : value(v) {}

  CF_HOST_DEVICE friend constexpr bool operator==(Self a, Self b) { return a.value == b.value; }
  CF_HOST_DEVICE friend constexpr bool operator!=(Self a, Self b) { return a.value != b.value; }
  CF_HOST_DEVICE friend constexpr bool operator<(Self a, Self b) { return a.value < b.value; }
  CF_HOST_DEVICE friend constexpr bool operator<=(Self a, Self b) { return a.value <= b.value; }
  CF_HOST_DEVICE friend constexpr bool operator>(Self a, Self b) { return a.value > b.value; }
  CF_HOST_DEVICE friend constexpr bool operator>=(Self a, Self b) { return a.value >= b.value; }
  CF_HOST_DEVICE friend constexpr Self operator+(Self a, std::int64_t d) { return Self{a.value + d}; }
  CF_HOST_DEVICE friend constexpr Self operator-(Self a, std::int64_t d) { return Self{a.value - d}; }
  CF_HOST_DEVICE constexpr Self& operator++() {
    ++value;
    return static_cast<Self&>(*this);
  }
};

#define CF_AXIS(NAME)                           \
  struct NAME : Axis<NAME> {                    \
    using Axis<NAME>::Axis;                     \
    static constexpr const char* kName = #NAME; \
  }

CF_AXIS(N);
CF_AXIS(H);
CF_AXIS(W);
CF_AXIS(C);
CF_AXIS(K);
CF_AXIS(R);
CF_AXIS(S);
CF_AXIS(M);
CF_AXIS(D);
CF_AXIS(P);
CF_AXIS(Q);
CF_AXIS(E);
CF_AXIS(I);

#undef CF_AXIS

// All indices below an extent:  for (H h : range(x.extent<H>())) ...
template <class A>
struct AxisRange {
  struct Iterator {
    A index;
    CF_HOST_DEVICE constexpr A operator*() const { return index; }
    CF_HOST_DEVICE constexpr Iterator& operator++() {
      ++index;
      return *this;
    }
    CF_HOST_DEVICE constexpr bool operator!=(const Iterator& other) const { return index != other.index; }
  };
  A first, last;
  CF_HOST_DEVICE constexpr Iterator begin() const { return {first}; }
  CF_HOST_DEVICE constexpr Iterator end() const { return {last}; }
};

template <class A>
CF_HOST_DEVICE constexpr AxisRange<A> range(A extent) {
  return {A{0}, extent};
}

}  // namespace cf

#include <algorithm>
#include <vector>

#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/convfirst_forward_check.h"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

namespace {

// conv(x) of one channel at one pixel.
template <class T>
Wide<T> convolve(const ConvFirstForward<T>& a, N n, H h, W w, C channel) {
  const auto height = a.x.template extent<H>();
  const auto width = a.x.template extent<W>();
  const std::int64_t first = channel.value / kGroupWidth * kGroupWidth;
  Wide<T> sum = 0;
  for (const R r : range(R{3})) {
    for (const S s : range(S{3})) {
      const H row = h + (r.value - 1);
      const W column = w + (s.value - 1);
      if (row < H{0} || row >= height || column < W{0} || column >= width) continue;
      for (const C c : range(C{kGroupWidth})) {
        sum += Wide<T>(a.x(n, row, column, C{first + c.value})) * Wide<T>(a.conv(K{channel.value}, r, s, c));
      }
    }
  }
  return sum;
}

// One pixel; u and h are room for its C and E values.
template <class T>
void compute_pixel(const ConvFirstForward<T>& a, N n, H row, W column, View<T, C> u, View<T, E> h) {
  const auto channels = a.x.template extent<C>();
  const auto hidden = a.expand.template extent<E>();
  for (const C c : range(channels)) u(c) = T(a.conv_bias(c) + convolve(a, n, row, column, c));
  for (const E e : range(hidden)) {
    Wide<T> sum = a.expand_bias(e);
    for (const C c : range(channels)) sum += Wide<T>(a.expand(e, c)) * Wide<T>(u(c));
    h(e) = T(std::max(sum, Wide<T>(0)));
  }
  for (const C c : range(channels)) {
    Wide<T> sum = Wide<T>(a.x(n, row, column, c)) + a.project_bias(c);
    for (const E e : range(hidden)) sum += Wide<T>(a.project(c, e)) * Wide<T>(h(e));
    a.y(n, row, column, c) = T(sum);
  }
}

}  // namespace

template <class T>
void convfirst(Reference, const ConvFirstForward<T>& a) {
  check(a);
  const auto channels = a.x.template extent<C>();
  const auto hidden = a.expand.template extent<E>();
  std::vector<T> u(static_cast<std::size_t>(channels.value)), h(static_cast<std::size_t>(hidden.value));
  for (const N n : range(a.x.template extent<N>())) {
    for (const H row : range(a.x.template extent<H>())) {
      for (const W column : range(a.x.template extent<W>())) {
        compute_pixel(a, n, row, column, View<T, C>(u.data(), channels), View<T, E>(h.data(), hidden));
      }
    }
  }
}

#define CF_INSTANTIATE(T) template void convfirst(Reference, const ConvFirstForward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/activation/activation_reference.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/mbconv_forward/mbconv_forward.h"
#include "kernels/mbconv_forward/mbconv_forward_check.h"

namespace cf::kernels {

namespace {

template <class T>
using HiddenImage = View<T, H, W, E>;

template <class T>
void expand_image(const MBConvForward<T>& a, N n, const HiddenImage<T>& t) {
  for (const H row : range(t.template extent<H>())) {
    for (const W column : range(t.template extent<W>())) {
      for (const E e : range(t.template extent<E>())) {
        Wide<T> sum = a.expand_bias(e);
        for (const C c : range(a.x.template extent<C>())) {
          sum += Wide<T>(a.expand(e, c)) * Wide<T>(a.x(n, row, column, c));
        }
        t(row, column, e) = T(activate(a.activation, sum));
      }
    }
  }
}

// conv(t) of one hidden channel at one pixel.
template <class T>
Wide<T> convolve(const MBConvForward<T>& a, const HiddenImage<T>& t, H h, W w, E channel) {
  const std::int64_t first = channel.value / kGroupWidth * kGroupWidth;
  Wide<T> sum = 0;
  for (const R r : range(R{3})) {
    for (const S s : range(S{3})) {
      const H row = h + (r.value - 1);
      const W column = w + (s.value - 1);
      if (row < H{0} || row >= t.template extent<H>()) continue;
      if (column < W{0} || column >= t.template extent<W>()) continue;
      for (const C c : range(C{kGroupWidth})) {
        sum += Wide<T>(t(row, column, E{first + c.value})) * Wide<T>(a.conv(K{channel.value}, r, s, c));
      }
    }
  }
  return sum;
}

template <class T>
void convolve_image(const MBConvForward<T>& a, const HiddenImage<T>& t, const HiddenImage<T>& u) {
  for (const H row : range(t.template extent<H>())) {
    for (const W column : range(t.template extent<W>())) {
      for (const E e : range(t.template extent<E>())) {
        u(row, column, e) = T(activate(a.activation, a.conv_bias(e) + convolve(a, t, row, column, e)));
      }
    }
  }
}

template <class T>
void compute_gate(const MBConvForward<T>& a, const HiddenImage<T>& u, View<Wide<T>, D> squeezed,
                  View<Wide<T>, E> gate) {
  const auto pixels = static_cast<Wide<T>>(u.template extent<H>().value * u.template extent<W>().value);
  for (const E e : range(gate.template extent<E>())) {  // first the means
    Wide<T> sum = 0;
    for (const H row : range(u.template extent<H>())) {
      for (const W column : range(u.template extent<W>())) sum += Wide<T>(u(row, column, e));
    }
    gate(e) = sum / pixels;
  }
  for (const D d : range(squeezed.template extent<D>())) {
    Wide<T> sum = a.squeeze_bias(d);
    for (const E e : range(gate.template extent<E>())) sum += Wide<T>(a.squeeze(d, e)) * gate(e);
    squeezed(d) = std::max(sum, Wide<T>(0));
  }
  for (const E e : range(gate.template extent<E>())) {
    Wide<T> sum = a.excite_bias(e);
    for (const D d : range(squeezed.template extent<D>())) sum += Wide<T>(a.excite(e, d)) * squeezed(d);
    gate(e) = 1 / (1 + std::exp(-sum));
  }
}

template <class T>
void project_image(const MBConvForward<T>& a, N n, const HiddenImage<T>& u, View<const Wide<T>, E> gate) {
  for (const H row : range(u.template extent<H>())) {
    for (const W column : range(u.template extent<W>())) {
      for (const E e : range(gate.template extent<E>())) {
        u(row, column, e) = T(Wide<T>(u(row, column, e)) * gate(e));
      }
      for (const C c : range(a.x.template extent<C>())) {
        Wide<T> sum = Wide<T>(a.x(n, row, column, c)) + a.project_bias(c);
        for (const E e : range(gate.template extent<E>())) {
          sum += Wide<T>(a.project(c, e)) * Wide<T>(u(row, column, e));
        }
        a.y(n, row, column, c) = T(sum);
      }
    }
  }
}

}  // namespace

template <class T>
void mbconv(Reference, const MBConvForward<T>& a) {
  check(a);
  const auto height = a.x.template extent<H>();
  const auto width = a.x.template extent<W>();
  const auto hidden = a.expand.template extent<E>();
  const auto squeezed_channels = a.squeeze.template extent<D>();
  const auto size = static_cast<std::size_t>(height.value * width.value * hidden.value);
  std::vector<T> of_t(size), of_u(size);
  std::vector<Wide<T>> of_squeezed(static_cast<std::size_t>(squeezed_channels.value)),
      of_gate(static_cast<std::size_t>(hidden.value));
  const HiddenImage<T> t(of_t.data(), height, width, hidden), u(of_u.data(), height, width, hidden);
  const View<Wide<T>, E> gate(of_gate.data(), hidden);
  for (const N n : range(a.x.template extent<N>())) {
    expand_image(a, n, t);
    convolve_image(a, t, u);
    compute_gate(a, u, {of_squeezed.data(), squeezed_channels}, gate);
    project_image(a, n, u, gate);
  }
}

#define CF_INSTANTIATE(T) template void mbconv(Reference, const MBConvForward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

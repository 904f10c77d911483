#include <algorithm>
#include <vector>

#include "kernels/activation/activation_reference.h"
#include "kernels/base/accumulate.h"
#include "kernels/base/check_kept.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/normed_input.h"

namespace cf::kernels {

namespace {

bool inside(H h, W w, H height, W width) { return H{0} <= h && h < height && W{0} <= w && w < width; }

// The first channel of the group of output channel k.
std::int64_t group_start(K k) { return k.value / kGroupWidth * kGroupWidth; }

// One output channel at one pixel.
template <class T>
Wide<T> convolve(const View<const T, N, H, W, C>& x, const View<const T, K, R, S, C>& weight, N n, H h, W w,
                 K k) {
  Wide<T> sum = 0;
  for (R r : range(R{3})) {
    for (S s : range(S{3})) {
      const H row = h + (r.value - 1);
      const W column = w + (s.value - 1);
      if (!inside(row, column, x.template extent<H>(), x.template extent<W>())) continue;
      for (C c : range(C{kGroupWidth})) {
        sum += Wide<T>(x(n, row, column, C{group_start(k) + c.value})) * Wide<T>(weight(k, r, s, c));
      }
    }
  }
  return sum;
}

// The sample of x or dx.
N sample_of(const View<const std::int64_t, N>& kept, N n) { return kept ? N{kept(n)} : n; }

}  // namespace

template <class T>
void grouped_conv(Reference place, const GroupedConvForward<T>& given) {
  check(given);
  std::vector<T> normed(given.norm ? static_cast<std::size_t>(given.x.size()) : 0);
  const auto a = detail::with_normed_input(place, given, normed.data());
  check_kept("grouped_conv", a.kept, a.x.template extent<N>());
  for (N n : range(a.y.template extent<N>())) {
    const N from = sample_of(a.kept, n);
    for (H h : range(a.x.template extent<H>())) {
      for (W w : range(a.x.template extent<W>())) {
        for (K k : range(a.y.template extent<K>())) {
          const Wide<T> sum = convolve(a.x, a.weight, from, h, w, k);
          a.y(n, h, w, k) = T(activate(a.activation, a.bias ? sum + a.bias(k) : sum));
        }
      }
    }
  }
}

template <class T>
void grouped_conv(Reference, const GroupedConvCentre<T>& a) {
  check(a);
  check_kept("grouped_conv", a.kept, a.x.template extent<N>());
  const std::int64_t height = a.x.template extent<H>().value, width = a.x.template extent<W>().value;
  const std::int64_t samples = a.kept ? a.kept.size() : a.x.template extent<N>().value;
  const std::int64_t pixels = samples * height * width;
  const std::int64_t count = std::min(pixels, kCentrePixels);
  for (K k : range(a.bias.template extent<K>())) {
    Wide<T> sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t pixel = centre_pixel(i, pixels), row = pixel / width;
      sum +=
          convolve(a.x, a.weight, sample_of(a.kept, N{row / height}), H{row % height}, W{pixel % width}, k);
    }
    a.bias(k) = -sum / static_cast<Wide<T>>(count);
  }
}

template <class T>
void grouped_conv(Reference, const GroupedConvBackwardInput<T>& a) {
  check(a);
  check_kept("grouped_conv", a.kept, a.dx.template extent<N>());
  const auto height = a.dx.template extent<H>();
  const auto width = a.dx.template extent<W>();
  for (N n : range(a.dy.template extent<N>())) {
    const N target = sample_of(a.kept, n);
    for (H h : range(height)) {
      for (W w : range(width)) {
        for (C channel : range(a.dx.template extent<C>())) {
          const auto first = group_start(K{channel.value});
          Wide<T> sum = 0;
          for (R r : range(R{3})) {
            for (S s : range(S{3})) {
              const H row = h - (r.value - 1);
              const W column = w - (s.value - 1);
              if (!inside(row, column, height, width)) continue;
              for (K k{first}; k < K{first + kGroupWidth}; ++k) {
                sum +=
                    Wide<T>(a.dy(n, row, column, k)) * Wide<T>(a.weight(k, r, s, C{channel.value - first}));
              }
            }
          }
          T& dx = a.dx(target, h, w, channel);
          dx = a.added ? T(Wide<T>(a.added(target, h, w, channel)) + Wide<T>(T(sum))) : T(sum);
        }
      }
    }
  }
}

template <class T>
void grouped_conv(Reference place, const GroupedConvBackwardWeight<T>& given) {
  check(given);
  std::vector<T> normed(given.norm ? static_cast<std::size_t>(given.x.size()) : 0);
  const auto a = detail::with_normed_input(place, given, normed.data());
  check_kept("grouped_conv", a.kept, a.x.template extent<N>());
  const auto height = a.x.template extent<H>();
  const auto width = a.x.template extent<W>();
  for (K k : range(a.dweight.template extent<K>())) {
    for (R r : range(R{3})) {
      for (S s : range(S{3})) {
        for (C c : range(C{kGroupWidth})) {
          Wide<T> sum = 0;
          for (N n : range(a.dy.template extent<N>())) {
            const N from = sample_of(a.kept, n);
            for (H h : range(height)) {
              for (W w : range(width)) {
                const H row = h + (r.value - 1);
                const W column = w + (s.value - 1);
                if (!inside(row, column, height, width)) continue;
                sum +=
                    Wide<T>(a.dy(n, h, w, k)) * Wide<T>(a.x(from, row, column, C{group_start(k) + c.value}));
              }
            }
          }
          accumulate_into(a.dweight(k, r, s, c), a.accumulate, sum);
        }
      }
    }
  }
}

#define CF_INSTANTIATE(T)                                                    \
  template void grouped_conv(Reference, const GroupedConvForward<T>&);       \
  template void grouped_conv(Reference, const GroupedConvCentre<T>&);        \
  template void grouped_conv(Reference, const GroupedConvBackwardInput<T>&); \
  template void grouped_conv(Reference, const GroupedConvBackwardWeight<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

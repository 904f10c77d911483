#include "kernels/base/accumulate.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"

namespace cf::kernels {

namespace {

bool inside(H h, W w, H height, W width) { return H{0} <= h && h < height && W{0} <= w && w < width; }

// The first channel of the group of output channel k.
std::int64_t group_start(K k) { return k.value / kGroupWidth * kGroupWidth; }

}  // namespace

template <class T>
void grouped_conv(Reference, const GroupedConvForward<T>& a) {
  check(a);
  const auto height = a.x.template extent<H>();
  const auto width = a.x.template extent<W>();
  for (N n : range(a.x.template extent<N>())) {
    for (H h : range(height)) {
      for (W w : range(width)) {
        for (K k : range(a.y.template extent<K>())) {
          Wide<T> sum = 0;
          for (R r : range(R{3})) {
            for (S s : range(S{3})) {
              const H row = h + (r.value - 1);
              const W column = w + (s.value - 1);
              if (!inside(row, column, height, width)) continue;
              for (C c : range(C{kGroupWidth})) {
                sum +=
                    Wide<T>(a.x(n, row, column, C{group_start(k) + c.value})) * Wide<T>(a.weight(k, r, s, c));
              }
            }
          }
          a.y(n, h, w, k) = T(sum);
        }
      }
    }
  }
}

template <class T>
void grouped_conv(Reference, const GroupedConvBackwardInput<T>& a) {
  check(a);
  const auto height = a.dx.template extent<H>();
  const auto width = a.dx.template extent<W>();
  for (N n : range(a.dx.template extent<N>())) {
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
          a.dx(n, h, w, channel) = T(sum);
        }
      }
    }
  }
}

template <class T>
void grouped_conv(Reference, const GroupedConvBackwardWeight<T>& a) {
  check(a);
  const auto height = a.x.template extent<H>();
  const auto width = a.x.template extent<W>();
  for (K k : range(a.dweight.template extent<K>())) {
    for (R r : range(R{3})) {
      for (S s : range(S{3})) {
        for (C c : range(C{kGroupWidth})) {
          Wide<T> sum = 0;
          for (N n : range(a.x.template extent<N>())) {
            for (H h : range(height)) {
              for (W w : range(width)) {
                const H row = h + (r.value - 1);
                const W column = w + (s.value - 1);
                if (!inside(row, column, height, width)) continue;
                sum += Wide<T>(a.dy(n, h, w, k)) * Wide<T>(a.x(n, row, column, C{group_start(k) + c.value}));
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
  template void grouped_conv(Reference, const GroupedConvBackwardInput<T>&); \
  template void grouped_conv(Reference, const GroupedConvBackwardWeight<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

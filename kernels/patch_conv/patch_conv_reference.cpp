#include "kernels/base/accumulate.h"
#include "kernels/patch_conv/patch_conv.h"
#include "kernels/patch_conv/patch_conv_check.h"

namespace cf::kernels {

template <class T>
void patch_conv(Reference, const PatchConvForward<T>& a) {
  check(a);
  const R rows = a.weight.template extent<R>();
  const S columns = a.weight.template extent<S>();
  for (N n : range(a.y.template extent<N>())) {
    for (P p : range(a.y.template extent<P>())) {
      for (Q q : range(a.y.template extent<Q>())) {
        for (K k : range(a.y.template extent<K>())) {
          Wide<T> sum = a.bias ? Wide<T>(a.bias(k)) : Wide<T>(0);
          for (R r : range(rows)) {
            for (S s : range(columns)) {
              const H h{p.value * rows.value + r.value};
              const W w{q.value * columns.value + s.value};
              for (C c : range(a.x.template extent<C>())) {
                sum += Wide<T>(a.x(n, h, w, c)) * Wide<T>(a.weight(k, r, s, c));
              }
            }
          }
          a.y(n, p, q, k) = T(sum);
        }
      }
    }
  }
}

template <class T>
void patch_conv(Reference, const PatchConvBackwardInput<T>& a) {
  check(a);
  const auto rows = a.weight.template extent<R>().value;
  const auto columns = a.weight.template extent<S>().value;
  for (N n : range(a.dx.template extent<N>())) {
    for (H h : range(a.dx.template extent<H>())) {
      for (W w : range(a.dx.template extent<W>())) {
        const P p{h.value / rows};
        const Q q{w.value / columns};
        const bool lost = p >= a.dy.template extent<P>() || q >= a.dy.template extent<Q>();
        for (C c : range(a.dx.template extent<C>())) {
          Wide<T> sum = 0;
          if (!lost) {
            for (K k : range(a.dy.template extent<K>())) {
              sum += Wide<T>(a.dy(n, p, q, k)) *
                     Wide<T>(a.weight(k, R{h.value % rows}, S{w.value % columns}, c));
            }
          }
          a.dx(n, h, w, c) = T(sum);
        }
      }
    }
  }
}

template <class T>
void patch_conv(Reference, const PatchConvBackwardWeight<T>& a) {
  check(a);
  const R rows = a.dweight.template extent<R>();
  const S columns = a.dweight.template extent<S>();
  for (K k : range(a.dweight.template extent<K>())) {
    for (R r : range(rows)) {
      for (S s : range(columns)) {
        for (C c : range(a.dweight.template extent<C>())) {
          Wide<T> sum = 0;
          for (N n : range(a.dy.template extent<N>())) {
            for (P p : range(a.dy.template extent<P>())) {
              for (Q q : range(a.dy.template extent<Q>())) {
                const H h{p.value * rows.value + r.value};
                const W w{q.value * columns.value + s.value};
                sum += Wide<T>(a.dy(n, p, q, k)) * Wide<T>(a.x(n, h, w, c));
              }
            }
          }
          accumulate_into(a.dweight(k, r, s, c), a.accumulate, sum);
        }
      }
    }
  }
}

#define CF_INSTANTIATE(T)                                                \
  template void patch_conv(Reference, const PatchConvForward<T>&);       \
  template void patch_conv(Reference, const PatchConvBackwardInput<T>&); \
  template void patch_conv(Reference, const PatchConvBackwardWeight<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

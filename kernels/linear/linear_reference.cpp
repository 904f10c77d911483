#include "kernels/base/accumulate.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_check.h"

namespace cf::kernels {

template <class T>
void linear(Reference place, const LinearForward<T>& a) {
  check(a);
  for (M m : range(a.x.template extent<M>())) {
    for (K k : range(a.weight.template extent<K>())) {
      Wide<T> sum = a.bias ? a.bias(k) : Wide<T>(0);
      for (C c : range(a.x.template extent<C>())) sum += Wide<T>(a.x(m, c)) * Wide<T>(a.weight(k, c));
      a.y(m, k) = T(sum);
    }
  }
  if (a.mean) batch_norm(place, detail::statistics_of(a));
}

template <class T>
void linear(Reference, const LinearBackwardInput<T>& a) {
  check(a);
  for (M m : range(a.dy.template extent<M>())) {
    for (C c : range(a.weight.template extent<C>())) {
      Wide<T> sum = a.added ? Wide<T>(a.added(m, c)) : Wide<T>(0);
      for (K k : range(a.weight.template extent<K>())) sum += Wide<T>(a.dy(m, k)) * Wide<T>(a.weight(k, c));
      a.dx(m, c) = T(sum);
    }
  }
}

template <class T>
void linear(Reference, const LinearBackwardWeight<T>& a) {
  check(a);
  for (K k : range(a.dweight.template extent<K>())) {
    for (C c : range(a.dweight.template extent<C>())) {
      Wide<T> sum = 0;
      for (M m : range(a.x.template extent<M>())) sum += Wide<T>(a.dy(m, k)) * Wide<T>(a.x(m, c));
      accumulate_into(a.dweight(k, c), a.accumulate, sum);
    }
    if (!a.dbias) continue;
    Wide<T> sum = 0;
    for (M m : range(a.dy.template extent<M>())) sum += Wide<T>(a.dy(m, k));
    accumulate_into(a.dbias(k), a.accumulate, sum);
  }
}

#define CF_INSTANTIATE(T)                                         \
  template void linear(Reference, const LinearForward<T>&);       \
  template void linear(Reference, const LinearBackwardInput<T>&); \
  template void linear(Reference, const LinearBackwardWeight<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

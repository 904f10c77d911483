#include <cmath>
#include <vector>

#include "kernels/fold_expand_norm/fold_expand_norm.h"
#include "kernels/fold_expand_norm/fold_expand_norm_check.h"
#include "kernels/fold_expand_norm/fold_expand_norm_rows.h"

namespace cf::kernels {

namespace {

// Row e of expand S.
template <class Args>
auto product_row(const Args& a, E e) {
  using Real = std::remove_const_t<typename decltype(a.expand)::Element>;
  std::vector<Real> row;
  for (const K k : range(a.covariance.template extent<K>())) {
    Real sum = 0;
    for (const C c : range(a.expand.template extent<C>())) sum += a.expand(e, c) * a.covariance(c, k);
    row.push_back(sum);
  }
  return row;
}

}  // namespace

template <class T>
void fold_expand_norm(Reference, const ExpandInputShift<T>& a) {
  check(a);
  using Real = Wide<T>;
  for (const C c : range(a.mean.template extent<C>())) {
    int exponent = 0;  // variance < 2^exponent
    std::frexp(a.variance(c), &exponent);
    const Real unit = std::ldexp(Real{1}, (exponent + (exponent > 0 ? 1 : 0)) / 2);
    a.shift(c) = a.variance(c) > 0 ? unit * std::round(a.mean(c) / unit) : a.mean(c);
  }
}

template <class T>
void fold_expand_norm(Reference, const FoldExpandNorm<T>& a) {
  check(a);
  for (const E e : range(a.expand.template extent<E>())) detail::fold_row(a, e, product_row(a, e).data());
}

template <class T>
void fold_expand_norm(Reference, const FoldExpandNormBackward<T>& a) {
  check(a);
  using Real = Wide<T>;
  const C channels = a.expand.template extent<C>();
  std::vector<Real> dcovariance(static_cast<std::size_t>(a.covariance.size()), 0);
  for (const E e : range(a.expand.template extent<E>())) {
    const Real dvariance = detail::gradient_row(a, e, product_row(a, e).data());
    auto sum = dcovariance.begin();
    for (const C c : range(channels)) {
      for (const C k : range(channels)) *sum++ += dvariance * a.expand(e, c) * a.expand(e, k);
    }
  }
  auto sum = dcovariance.cbegin();
  for (T& slope : a.slope) slope = T(2 * *sum++ / static_cast<Real>(a.rows));
}

#define CF_INSTANTIATE(T)                                                \
  template void fold_expand_norm(Reference, const ExpandInputShift<T>&); \
  template void fold_expand_norm(Reference, const FoldExpandNorm<T>&);   \
  template void fold_expand_norm(Reference, const FoldExpandNormBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

#include "kernels/covariance/covariance.h"
#include "kernels/covariance/covariance_check.h"

namespace cf::kernels {

template <class T>
void covariance(Reference, const Covariance<T>& a) {
  check(a);
  const M rows = a.x.template extent<M>();
  const C channels = a.x.template extent<C>();
  const auto count = static_cast<Wide<T>>(rows.value);
  for (const C c : range(channels)) {
    Wide<T> sum = 0;
    for (const M m : range(rows)) sum += Wide<T>(a.x(m, c));
    a.mean(c) = sum / count;
  }
  for (const C c : range(channels)) {
    for (const C other : range(channels)) {
      Wide<T> sum = 0;
      for (const M m : range(rows)) {
        sum += (Wide<T>(a.x(m, c)) - a.mean(c)) * (Wide<T>(a.x(m, other)) - a.mean(other));
      }
      a.covariance(c, K{other.value}) = sum / count;
    }
  }
}

template <class T>
void covariance(Reference, const CovarianceBackward<T>& a) {
  check(a);
  const C channels = a.x.template extent<C>();
  const auto count = static_cast<Wide<T>>(a.x.template extent<M>().value);
  for (const M m : range(a.x.template extent<M>())) {
    for (const C c : range(channels)) {
      Wide<T> sum = 0;
      for (const C other : range(channels)) {
        sum += a.dcovariance(c, K{other.value}) * (Wide<T>(a.x(m, other)) - a.mean(other));
      }
      a.dx(m, c) = T(Wide<T>(a.dx(m, c)) + (a.dmean(c) + 2 * sum) / count);
    }
  }
}

#define CF_INSTANTIATE(T)                                    \
  template void covariance(Reference, const Covariance<T>&); \
  template void covariance(Reference, const CovarianceBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

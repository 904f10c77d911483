#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/accumulate.h"
#include "kernels/fold_batch_norms/fold_batch_norms.h"
#include "kernels/fold_batch_norms/fold_batch_norms_check.h"

namespace cf::kernels {

namespace {

template <class Real>
Real inverse_deviation(Real variance, float eps) {
  return 1 / std::sqrt(variance + static_cast<Real>(eps));
}

// conv_gamma / sqrt(diagonal + eps), and row e of t = expand diag(scale) with S t.
template <class T>
struct ScaledRows {
  using Real = Wide<T>;

  View<const Real, C, K> covariance;
  View<const Real, E, C> expand;
  std::vector<Real> scale, t, product;

  template <class Args>
  explicit ScaledRows(const Args& a) : covariance(a.covariance), expand(a.expand) {
    for (const C c : range(a.conv_gamma.template extent<C>())) {
      scale.push_back(a.conv_gamma(c) * inverse_deviation(a.covariance(c, K{c.value}), a.eps));
    }
    t.resize(scale.size());
    product.resize(scale.size());
  }

  void compute(E e) {
    const C channels = expand.template extent<C>();
    for (const C c : range(channels)) t[at(c)] = expand(e, c) * scale[at(c)];
    for (const C c : range(channels)) {
      Real sum = 0;
      for (const C k : range(channels)) sum += covariance(c, K{k.value}) * t[at(k)];
      product[at(c)] = sum;
    }
  }

  // t' S t, which rounding must not make negative; NaN stays NaN.
  Real variance() const {
    Real sum = 0;
    for (std::size_t c = 0; c < t.size(); ++c) sum += t[c] * product[c];
    return sum < 0 ? Real{0} : sum;
  }

  static std::size_t at(C c) { return static_cast<std::size_t>(c.value); }
};

}  // namespace

template <class T>
void fold_batch_norms(Reference place, const FoldBatchNorms<T>& a) {
  check(a);
  const C channels = a.expand.template extent<C>();
  ScaledRows<T> rows(a);
  for (const C c : range(channels)) {
    a.conv_mean(c) = a.mean(c) - a.bias(c);
    a.conv_variance(c) = a.covariance(c, K{c.value});
  }
  for (const E e : range(a.expand.template extent<E>())) {
    rows.compute(e);
    a.hidden_variance(e) = rows.variance();
    const Wide<T> scale = a.expand_gamma(e) * inverse_deviation(a.hidden_variance(e), a.eps);
    Wide<T> offset = 0, mean = 0;
    for (const C c : range(channels)) {
      a.folded(e, c) = T(scale * rows.t[rows.at(c)]);
      offset += Wide<T>(a.folded(e, c)) * a.mean(c);
      mean += a.expand(e, c) * a.conv_beta(c);
    }
    a.folded_bias(e) = a.expand_beta(e) - offset;
    a.hidden_mean(e) = mean;
  }
  detail::collect_both(place, a);
}

template <class T>
void fold_batch_norms(Reference, const FoldBatchNormsBackward<T>& a) {
  check(a);
  using Real = Wide<T>;
  const C channels = a.expand.template extent<C>();
  ScaledRows<T> rows(a);
  const auto at = [](C c) { return ScaledRows<T>::at(c); };
  std::vector<Real> dscale(rows.scale.size(), 0);  // of conv_gamma / sqrt(diagonal + eps)
  std::fill(a.dcovariance.begin(), a.dcovariance.end(), Real{0});
  std::fill(a.dmean.begin(), a.dmean.end(), Real{0});
  for (const E e : range(a.expand.template extent<E>())) {
    rows.compute(e);
    const Real rstd = inverse_deviation(a.hidden_variance(e), a.eps), scale = a.expand_gamma(e) * rstd;
    const auto dfolded = [&](C c) { return a.dfolded(e, c) - a.dfolded_bias(e) * a.mean(c); };
    Real dot = 0;  // the gradient of `scale`
    for (const C c : range(channels)) dot += dfolded(c) * rows.t[at(c)];
    const Real dvariance = dot * a.expand_gamma(e) * rstd * rstd * rstd / -2;
    for (const C c : range(channels)) {
      const Real dt = dfolded(c) * scale + 2 * dvariance * rows.product[at(c)];
      accumulate_into(a.dexpand(e, c), a.accumulate, dt * rows.scale[at(c)]);
      dscale[at(c)] += dt * a.expand(e, c);
      a.dmean(c) -= Real(a.folded(e, c)) * a.dfolded_bias(e);
      for (const C k : range(channels)) {
        a.dcovariance(c, K{k.value}) += dvariance * rows.t[at(c)] * rows.t[at(k)];
      }
    }
    accumulate_into(a.dexpand_gamma(e), a.accumulate, dot * rstd);
    accumulate_into(a.dexpand_beta(e), a.accumulate, a.dfolded_bias(e));
  }
  for (const C c : range(channels)) {
    const Real rstd = inverse_deviation(a.covariance(c, K{c.value}), a.eps);
    accumulate_into(a.dconv_gamma(c), a.accumulate, dscale[at(c)] * rstd);
    accumulate_into(a.dconv_beta(c), a.accumulate, Real{0});
    a.dcovariance(c, K{c.value}) += dscale[at(c)] * a.conv_gamma(c) * rstd * rstd * rstd / -2;
  }
}

#define CF_INSTANTIATE(T)                                              \
  template void fold_batch_norms(Reference, const FoldBatchNorms<T>&); \
  template void fold_batch_norms(Reference, const FoldBatchNormsBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

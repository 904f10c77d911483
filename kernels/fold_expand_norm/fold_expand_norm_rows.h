// What fold_expand_norm does for one hidden channel, given its row of the product expand S.
#pragma once

#include <cmath>

#include "kernels/base/accumulate.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"

namespace cf::kernels::detail {

template <class T>
void fold_row(const FoldExpandNorm<T>& a, E e, const Wide<T>* product) {
  using Real = Wide<T>;
  const C channels = a.expand.template extent<C>();
  Real variance = 0, mean = 0, offset = 0;
  for (const C c : range(channels)) {
    variance += a.expand(e, c) * product[c.value];
    mean += a.expand(e, c) * a.input_mean(c);
  }
  if (variance < 0) variance = 0;  // by rounding; NaN stays NaN
  const Real scale = a.gamma(e) / std::sqrt(variance + static_cast<Real>(a.eps));
  for (const C c : range(channels)) {
    a.folded(e, c) = T(scale * a.expand(e, c));
    offset += Real(a.folded(e, c)) * a.mean(c);
  }
  a.folded_bias(e) = T(a.beta(e) - offset);
  a.hidden_mean(e) = mean;
  a.hidden_variance(e) = variance;
}

// Writes the row's gradients; returns that of hidden_variance[e].
template <class T>
Wide<T> gradient_row(const FoldExpandNormBackward<T>& a, E e, const Wide<T>* product) {
  using Real = Wide<T>;
  const C channels = a.expand.template extent<C>();
  const Real rstd = 1 / std::sqrt(a.hidden_variance(e) + static_cast<Real>(a.eps));
  const auto dfolded = [&](C c) { return a.dfolded(e, c) - a.dfolded_bias(e) * a.mean(c); };
  Real dot = 0;  // the gradient of gamma / sqrt(hidden_variance + eps)
  for (const C c : range(channels)) dot += dfolded(c) * a.expand(e, c);
  const Real scale = a.gamma(e) * rstd, dvariance = dot * scale * rstd * rstd / -2;
  for (const C c : range(channels)) {
    accumulate_into(a.dexpand(e, c), a.accumulate, dfolded(c) * scale + 2 * dvariance * product[c.value]);
  }
  accumulate_into(a.dgamma(e), a.accumulate, dot * rstd);
  accumulate_into(a.dbeta(e), a.accumulate, a.dfolded_bias(e));
  return dvariance;
}

}  // namespace cf::kernels::detail

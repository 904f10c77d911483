// Hidden channel by hidden channel, E * C^2 multiply-adds in all; what backward sums over them, then, channel
// by channel.
#include <algorithm>
#include <cmath>

#include "kernels/base/accumulate.h"
#include "kernels/base/parallel.h"
#include "kernels/fold_batch_norms/fold_batch_norms.h"
#include "kernels/fold_batch_norms/fold_batch_norms_check.h"

namespace cf::kernels {

namespace {

constexpr double kNanosecondsPerTerm = 0.1;  // of a sum over channels, one thread

float inverse_deviation(float variance, float eps) { return 1 / std::sqrt(variance + eps); }

// scale[c] = conv_gamma / sqrt(S[c,c] + eps).
template <class Args>
void compute_scales(const Args& a, float* scale) {
  for (const C c : range(a.conv_gamma.template extent<C>())) {
    scale[c.value] = a.conv_gamma(c) * inverse_deviation(a.covariance(c, K{c.value}), a.eps);
  }
}

// product = S t of t[c] = expand[c] scale[c]; S is symmetric.
void multiply_covariance(const View<const float, C, K>& covariance, const float* expand, const float* scale,
                         float* product) {
  const auto channels = covariance.extent<C>().value;
  std::fill(product, product + channels, 0.0F);
  for (std::int64_t k = 0; k < channels; ++k) {
    const float* row = covariance.at(C{k});
    const float t = expand[k] * scale[k];
    for (std::int64_t c = 0; c < channels; ++c) product[c] += row[c] * t;
  }
}

// The row of `folded` holds S t on the way.
void fold_row(const FoldBatchNorms<float>& a, E e, const float* scale) {
  const auto channels = a.expand.extent<C>().value;
  const float *expand = a.expand.at(e), *mean = a.mean.data(), *conv_beta = a.conv_beta.data();
  float* folded = a.folded.at(e);
  multiply_covariance(a.covariance, expand, scale, folded);
  float variance = 0;
  for (std::int64_t c = 0; c < channels; ++c) variance += expand[c] * scale[c] * folded[c];
  if (variance < 0) variance = 0;  // by rounding; NaN stays NaN
  const float factor = a.expand_gamma(e) * inverse_deviation(variance, a.eps);
  float offset = 0, hidden_mean = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    folded[c] = factor * (expand[c] * scale[c]);
    offset += folded[c] * mean[c];
    hidden_mean += expand[c] * conv_beta[c];
  }
  a.folded_bias(e) = a.expand_beta(e) - offset;
  a.hidden_mean(e) = hidden_mean;
  a.hidden_variance(e) = variance;
}

// What backward's sums over hidden channels are made of, in the workspace.
struct Terms {
  float* scale;      // [C]
  float* dvariance;  // [E]: of hidden_variance
  float* dscale;     // [E,C]: towards those of `scale`

  static std::size_t floats(const FoldBatchNormsBackward<float>& a) {
    const auto channels = a.expand.extent<C>().value, hidden = a.expand.extent<E>().value;
    return static_cast<std::size_t>(channels + hidden + hidden * channels);
  }
  explicit Terms(const FoldBatchNormsBackward<float>& a)
      : scale(workspace_as<float>("fold_batch_norms backward", a.workspace, floats(a))),
        dvariance(scale + a.expand.extent<C>().value),
        dscale(dvariance + a.expand.extent<E>().value) {}
};

// The gradients of the parameters behind hidden channel e. Its row of dscale holds S t on the way.
void hidden_gradients(const FoldBatchNormsBackward<float>& a, E e, const Terms& terms) {
  const auto channels = a.expand.extent<C>().value;
  const float *expand = a.expand.at(e), *mean = a.mean.data(), *scale = terms.scale,
              *dfolded = a.dfolded.at(e);
  float *dscale = terms.dscale + e.value * channels, *dexpand = a.dexpand.at(e);
  multiply_covariance(a.covariance, expand, scale, dscale);
  const float rstd = inverse_deviation(a.hidden_variance(e), a.eps), factor = a.expand_gamma(e) * rstd;
  const float dbias = a.dfolded_bias(e);
  float dot = 0;  // the gradient of `factor`
  for (std::int64_t c = 0; c < channels; ++c) dot += (dfolded[c] - dbias * mean[c]) * (expand[c] * scale[c]);
  const float dvariance = dot * factor * rstd * rstd / -2;
  for (std::int64_t c = 0; c < channels; ++c) {
    const float dt = (dfolded[c] - dbias * mean[c]) * factor + 2 * dvariance * dscale[c];
    accumulate_into(dexpand[c], a.accumulate, dt * scale[c]);
    dscale[c] = dt * expand[c];
  }
  terms.dvariance[e.value] = dvariance;
  accumulate_into(a.dexpand_gamma(e), a.accumulate, dot * rstd);
  accumulate_into(a.dexpand_beta(e), a.accumulate, dbias);
}

// Row c of the covariance's gradient, and the gradients of what else belongs to channel c.
void channel_gradients(const FoldBatchNormsBackward<float>& a, C c, const Terms& terms) {
  const auto channels = a.expand.extent<C>().value;
  float* row = a.dcovariance.at(c);
  std::fill(row, row + channels, 0.0F);
  float dscale = 0, dmean = 0;
  for (const E e : range(a.expand.extent<E>())) {
    dscale += terms.dscale[e.value * channels + c.value];
    dmean -= a.folded(e, c) * a.dfolded_bias(e);
    const float* expand = a.expand.at(e);
    const float weight = terms.dvariance[e.value] * (expand[c.value] * terms.scale[c.value]);
    for (std::int64_t k = 0; k < channels; ++k) row[k] += weight * expand[k];
  }
  for (std::int64_t k = 0; k < channels; ++k) row[k] *= terms.scale[k];
  const float rstd = inverse_deviation(a.covariance(c, K{c.value}), a.eps);
  row[c.value] += dscale * a.conv_gamma(c) * rstd * rstd * rstd / -2;
  a.dmean(c) = dmean;
  accumulate_into(a.dconv_gamma(c), a.accumulate, dscale * rstd);
  accumulate_into(a.dconv_beta(c), a.accumulate, 0.0F);
}

}  // namespace

void fold_batch_norms(Cpu place, const FoldBatchNorms<float>& a) {
  check(a);
  const auto channels = a.expand.extent<C>().value, hidden = a.expand.extent<E>().value;
  float* scale = a.conv_mean.data();  // until the rows are through
  compute_scales(a, scale);
  parallel(place, hidden, 1, kNanosecondsPerTerm * static_cast<double>(channels * channels),
           [&](std::int64_t first, std::int64_t last) {
             for (std::int64_t e = first; e < last; ++e) fold_row(a, E{e}, scale);
           });
  for (const C c : range(C{channels})) {
    a.conv_mean(c) = a.mean(c) - a.bias(c);
    a.conv_variance(c) = a.covariance(c, K{c.value});
  }
  detail::collect_both(place, a);
}

void fold_batch_norms(Cpu place, const FoldBatchNormsBackward<float>& a) {
  check(a);
  const auto channels = a.expand.extent<C>().value, hidden = a.expand.extent<E>().value;
  const Terms terms(a);
  compute_scales(a, terms.scale);
  parallel(place, hidden, 1, kNanosecondsPerTerm * static_cast<double>(channels * channels),
           [&](std::int64_t first, std::int64_t last) {
             for (std::int64_t e = first; e < last; ++e) hidden_gradients(a, E{e}, terms);
           });
  parallel(place, channels, 1, kNanosecondsPerTerm * static_cast<double>(hidden * channels),
           [&](std::int64_t first, std::int64_t last) {
             for (std::int64_t c = first; c < last; ++c) channel_gradients(a, C{c}, terms);
           });
}

std::size_t workspace_bytes(Cpu, const FoldBatchNormsBackward<float>& a) {
  return sizeof(float) * Terms::floats(a);
}

}  // namespace cf::kernels

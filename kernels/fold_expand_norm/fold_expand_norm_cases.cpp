#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t channels, expansion;
  bool benchmark_only = false;

  std::int64_t hidden() const { return expansion * channels; }
  std::string text() const { return concat(" C=", channels, " E=", hidden()); }
};

// D + a a' / 2 with D diagonal: symmetric and positive.
Draw covariance_matrix(std::int64_t channels) {
  return [=](Philox& random, std::span<double> values) {
    std::vector<double> a(static_cast<std::size_t>(channels));
    for (double& value : a) value = static_cast<double>(random.normal());
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = 0; j < a.size(); ++j) values[i * a.size() + j] = a[i] * a[j] / 2;
      values[i * a.size() + i] += 0.5 + static_cast<double>(random.uniform());
    }
  };
}

Draw fan_in(std::int64_t channels) { return normal(0, 1.4 / std::sqrt(static_cast<double>(channels))); }

Case shift(const Problem& p) {
  Case result(concat("fold_expand_norm/shift C=", p.channels), 1);
  const C c{p.channels};
  const auto mean = result.input<Element::WideT>("mean", normal(0, 5), c);
  const auto variance = result.input<Element::WideT>("variance", uniform(0.01, 9), c);
  const auto shift = result.output<Element::WideT>("shift", c);
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    fold_expand_norm(place, ExpandInputShift<T>{.mean = t(mean), .variance = t(variance), .shift = t(shift)});
  });
  return result;
}

Case forward(const Problem& p) {
  Case result("fold_expand_norm/forward" + p.text(), p.channels * p.channels);
  const C c{p.channels};
  const E e{p.hidden()};
  const auto input_mean = result.input<Element::WideT>("input_mean", normal(0, 5), c);
  const auto mean = result.input<Element::WideT>("mean", normal(0, 0.2), c);
  const auto matrix =
      result.input<Element::WideT>("covariance", covariance_matrix(p.channels), c, K{p.channels});
  const auto expand = result.input<Element::WideT>("expand", fan_in(p.channels), e, c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(1, 0.5), e);
  const auto beta = result.input<Element::WideT>("beta", normal(0, 1), e);
  const auto folded = result.output("folded", e, c);
  const auto folded_bias = result.output("folded_bias", e);
  const auto hidden_mean = result.output<Element::WideT>("hidden_mean", e);
  const auto hidden_variance = result.output<Element::WideT>("hidden_variance", e);
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    fold_expand_norm(place, t.with_workspace(place, FoldExpandNorm<T>{.input_mean = t(input_mean),
                                                                      .mean = t(mean),
                                                                      .covariance = t(matrix),
                                                                      .expand = t(expand),
                                                                      .gamma = t(gamma),
                                                                      .beta = t(beta),
                                                                      .eps = 1e-3F,
                                                                      .folded = t(folded),
                                                                      .folded_bias = t(folded_bias),
                                                                      .hidden_mean = t(hidden_mean),
                                                                      .hidden_variance = t(hidden_variance),
                                                                      .workspace = {}}));
  });
  return result;
}

Case backward(const Problem& p, float accumulate) {
  Case result(concat("fold_expand_norm/backward", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.hidden() * p.channels);
  const C c{p.channels};
  const E e{p.hidden()};
  const auto mean = result.input<Element::WideT>("mean", normal(0, 0.2), c);
  const auto matrix =
      result.input<Element::WideT>("covariance", covariance_matrix(p.channels), c, K{p.channels});
  const auto expand = result.input<Element::WideT>("expand", fan_in(p.channels), e, c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(1, 0.5), e);
  const auto variance = result.input<Element::WideT>("hidden_variance", uniform(0.3, 3), e);
  const auto dfolded = result.input<Element::WideT>("dfolded", normal(0, 1), e, c);
  const auto dbias = result.input<Element::WideT>("dfolded_bias", normal(0, 1), e);
  const auto dexpand = result.gradient("dexpand", accumulate, e, c);
  const auto dgamma = result.gradient("dgamma", accumulate, e);
  const auto dbeta = result.gradient("dbeta", accumulate, e);
  const auto slope = result.output("slope", c, K{p.channels});
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    fold_expand_norm(place, t.with_workspace(place, FoldExpandNormBackward<T>{.rows = 37,
                                                                              .mean = t(mean),
                                                                              .covariance = t(matrix),
                                                                              .expand = t(expand),
                                                                              .gamma = t(gamma),
                                                                              .hidden_variance = t(variance),
                                                                              .eps = 1e-3F,
                                                                              .dfolded = t(dfolded),
                                                                              .dfolded_bias = t(dbias),
                                                                              .dexpand = t(dexpand),
                                                                              .dgamma = t(dgamma),
                                                                              .dbeta = t(dbeta),
                                                                              .accumulate = accumulate,
                                                                              .slope = t(slope),
                                                                              .workspace = {}}));
  });
  return result;
}

}  // namespace

std::vector<Case> fold_expand_norm_cases() {
  const Problem problems[] = {
      {.channels = 8, .expansion = 2},
      {.channels = 40, .expansion = 3},
      // The MBConv stages of ConvFirstNet-Small.
      {.channels = 256, .expansion = 4, .benchmark_only = true},
      {.channels = 512, .expansion = 4, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(shift(p));
    cases.push_back(forward(p));
    cases.push_back(backward(p, 0));
    if (!p.benchmark_only) cases.push_back(backward(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels

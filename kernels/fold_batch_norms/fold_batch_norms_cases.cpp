#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/fold_batch_norms/fold_batch_norms.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t channels, hidden;
  bool benchmark_only = false;

  std::string text() const { return concat(" C=", channels, " E=", hidden); }
};

// B B' / C with B normal: symmetric and positive.
Draw covariance_matrix(std::int64_t channels) {
  return [=](Philox& random, std::span<double> values) {
    const auto size = static_cast<std::size_t>(channels);
    std::vector<double> b(size * size);
    for (double& value : b) value = static_cast<double>(random.normal());
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < size; ++k) sum += b[i * size + k] * b[j * size + k];
        values[i * size + j] = sum / static_cast<double>(channels);
      }
    }
  };
}

Draw fan_in(std::int64_t channels) { return normal(0, 1.4 / std::sqrt(static_cast<double>(channels))); }

Case forward(const Problem& p, float accumulate) {
  Case result(concat("fold_batch_norms/forward", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.channels * p.channels);
  const C c{p.channels};
  const E e{p.hidden};
  const auto bias = result.input<Element::WideT>("bias", normal(0, 5), c);
  const auto mean = result.input<Element::WideT>("mean", normal(0, 0.2), c);
  const auto matrix =
      result.input<Element::WideT>("covariance", covariance_matrix(p.channels), c, K{p.channels});
  const auto expand = result.input<Element::WideT>("expand", fan_in(p.channels), e, c);
  const auto conv_gamma = result.input<Element::WideT>("conv_gamma", normal(1, 0.5), c);
  const auto conv_beta = result.input<Element::WideT>("conv_beta", normal(0, 1), c);
  const auto expand_gamma = result.input<Element::WideT>("expand_gamma", normal(1, 0.5), e);
  const auto expand_beta = result.input<Element::WideT>("expand_beta", normal(0, 1), e);
  const auto folded = result.output("folded", e, c);
  const auto folded_bias = result.output<Element::WideT>("folded_bias", e);
  const auto hidden_mean = result.output<Element::WideT>("hidden_mean", e);
  const auto hidden_variance = result.output<Element::WideT>("hidden_variance", e);
  const auto conv_mean = result.output<Element::WideT>("conv_mean", c);
  const auto conv_variance = result.output<Element::WideT>("conv_variance", c);
  const auto step_conv_mean = result.gradient("step_conv_mean", accumulate, c);
  const auto step_conv_variance = result.gradient("step_conv_variance", accumulate, c);
  const auto step_hidden_mean = result.gradient("step_hidden_mean", accumulate, e);
  const auto step_hidden_variance = result.gradient("step_hidden_variance", accumulate, e);
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const CollectBothNorms<T> collected{.count = 37,
                                        .share = 0.25F,
                                        .accumulate = accumulate,
                                        .conv_mean = t(step_conv_mean),
                                        .conv_variance = t(step_conv_variance),
                                        .hidden_mean = t(step_hidden_mean),
                                        .hidden_variance = t(step_hidden_variance)};
    fold_batch_norms(place, FoldBatchNorms<T>{.bias = t(bias),
                                              .mean = t(mean),
                                              .covariance = t(matrix),
                                              .expand = t(expand),
                                              .conv_gamma = t(conv_gamma),
                                              .conv_beta = t(conv_beta),
                                              .expand_gamma = t(expand_gamma),
                                              .expand_beta = t(expand_beta),
                                              .eps = 1e-3F,
                                              .folded = t(folded),
                                              .folded_bias = t(folded_bias),
                                              .hidden_mean = t(hidden_mean),
                                              .hidden_variance = t(hidden_variance),
                                              .conv_mean = t(conv_mean),
                                              .conv_variance = t(conv_variance),
                                              .collected = collected});
  });
  return result;
}

Case backward(const Problem& p, float accumulate) {
  Case result(concat("fold_batch_norms/backward", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.hidden * p.channels);
  const C c{p.channels};
  const E e{p.hidden};
  const auto mean = result.input<Element::WideT>("mean", normal(0, 0.2), c);
  const auto matrix =
      result.input<Element::WideT>("covariance", covariance_matrix(p.channels), c, K{p.channels});
  const auto expand = result.input<Element::WideT>("expand", fan_in(p.channels), e, c);
  const auto conv_gamma = result.input<Element::WideT>("conv_gamma", normal(1, 0.5), c);
  const auto expand_gamma = result.input<Element::WideT>("expand_gamma", normal(1, 0.5), e);
  const auto folded = result.input("folded", fan_in(p.channels), e, c);
  const auto variance = result.input<Element::WideT>("hidden_variance", uniform(0.3, 3), e);
  const auto dfolded = result.input<Element::WideT>("dfolded", normal(0, 1), e, c);
  const auto dbias = result.input<Element::WideT>("dfolded_bias", normal(0, 1), e);
  const auto dexpand = result.gradient("dexpand", accumulate, e, c);
  const auto dconv_gamma = result.gradient("dconv_gamma", accumulate, c);
  const auto dconv_beta = result.gradient("dconv_beta", accumulate, c);
  const auto dexpand_gamma = result.gradient("dexpand_gamma", accumulate, e);
  const auto dexpand_beta = result.gradient("dexpand_beta", accumulate, e);
  const auto dmean = result.output<Element::WideT>("dmean", c);
  const auto dmatrix = result.output<Element::WideT>("dcovariance", c, K{p.channels});
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    fold_batch_norms(place,
                     t.with_workspace(place, FoldBatchNormsBackward<T>{.mean = t(mean),
                                                                       .covariance = t(matrix),
                                                                       .expand = t(expand),
                                                                       .conv_gamma = t(conv_gamma),
                                                                       .expand_gamma = t(expand_gamma),
                                                                       .folded = t(folded),
                                                                       .hidden_variance = t(variance),
                                                                       .eps = 1e-3F,
                                                                       .dfolded = t(dfolded),
                                                                       .dfolded_bias = t(dbias),
                                                                       .dexpand = t(dexpand),
                                                                       .dconv_gamma = t(dconv_gamma),
                                                                       .dconv_beta = t(dconv_beta),
                                                                       .dexpand_gamma = t(dexpand_gamma),
                                                                       .dexpand_beta = t(dexpand_beta),
                                                                       .accumulate = accumulate,
                                                                       .dmean = t(dmean),
                                                                       .dcovariance = t(dmatrix),
                                                                       .workspace = {}}));
  });
  return result;
}

}  // namespace

std::vector<Case> fold_batch_norms_cases() {
  const Problem problems[] = {
      {.channels = 8, .hidden = 16},
      {.channels = 40, .hidden = 120},
      {.channels = 64, .hidden = 384},
      {.channels = 128, .hidden = 20},
      {.channels = 200, .hidden = 20},
      // The ConvFirst stages of ConvFirstNet-Small.
      {.channels = 128, .hidden = 768, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(forward(p, 0));
    if (!p.benchmark_only) cases.push_back(forward(p, 1));
    cases.push_back(backward(p, 0));
    if (!p.benchmark_only) cases.push_back(backward(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels

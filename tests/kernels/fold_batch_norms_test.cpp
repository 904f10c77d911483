// Batch norms folded by the covariance of their input: equal to the layers, gradients, refusals.
#include "kernels/fold_batch_norms/fold_batch_norms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/covariance/covariance.h"
#include "kernels/linear/linear.h"
#include "tests/kernels/directional_derivative.h"

namespace cf::kernels {
namespace {

using Values = std::vector<double>;

constexpr M kRows{57};
constexpr C kChannels{8};
constexpr E kHidden{20};
constexpr std::int64_t kWeights = kHidden.value * kChannels.value;

Values zeros(std::int64_t size) { return Values(static_cast<std::size_t>(size), 0.0); }

template <class... Axes>
View<const double, Axes...> in(const Values& values, Axes... axes) {
  return {values.data(), axes...};
}
template <class... Axes>
View<double, Axes...> out(Values& values, Axes... axes) {
  return {values.data(), axes...};
}

// u with correlated channels off zero, and the parameters of both norms and of the expansion.
struct Problem {
  Values u, expand, conv_gamma, conv_beta, expand_gamma, expand_beta;

  Problem()
      : expand(random_normal(kWeights, 2, 0, 0.4)),
        conv_gamma(random_normal(kChannels.value, 3, 1, 0.5)),
        conv_beta(random_normal(kChannels.value, 4)),
        expand_gamma(random_normal(kHidden.value, 5, 1, 0.5)),
        expand_beta(random_normal(kHidden.value, 6)) {
    u = random_normal(kRows.value * kChannels.value, 1, 0.7);
    for (std::size_t i = 1; i < u.size(); ++i) u[i] += 0.5 * u[i - 1];
  }
};

struct Folded {
  Values mean = zeros(kChannels.value), covariance = zeros(kChannels.value * kChannels.value),
         folded = zeros(kWeights), bias = zeros(kHidden.value), hidden_mean = zeros(kHidden.value),
         hidden_variance = zeros(kHidden.value), conv_mean = zeros(kChannels.value),
         conv_variance = zeros(kChannels.value);

  explicit Folded(const Problem& p, const Values& conv_bias = zeros(kChannels.value)) {
    const K k{kChannels.value};
    kernels::covariance(Reference{}, Covariance<double>{.x = in(p.u, kRows, kChannels),
                                                        .mean = out(mean, kChannels),
                                                        .covariance = out(covariance, kChannels, k),
                                                        .workspace = {}});
    fold_batch_norms(Reference{}, FoldBatchNorms<double>{.bias = in(conv_bias, kChannels),
                                                         .mean = in(mean, kChannels),
                                                         .covariance = in(covariance, kChannels, k),
                                                         .expand = in(p.expand, kHidden, kChannels),
                                                         .conv_gamma = in(p.conv_gamma, kChannels),
                                                         .conv_beta = in(p.conv_beta, kChannels),
                                                         .expand_gamma = in(p.expand_gamma, kHidden),
                                                         .expand_beta = in(p.expand_beta, kHidden),
                                                         .folded = out(folded, kHidden, kChannels),
                                                         .folded_bias = out(bias, kHidden),
                                                         .hidden_mean = out(hidden_mean, kHidden),
                                                         .hidden_variance = out(hidden_variance, kHidden),
                                                         .conv_mean = out(conv_mean, kChannels),
                                                         .conv_variance = out(conv_variance, kChannels)});
  }

  Values apply(const Values& u) const {
    Values h = zeros(kRows.value * kHidden.value);
    const K k{kHidden.value};
    linear(Reference{}, LinearForward<double>{.x = in(u, kRows, kChannels),
                                              .weight = in(folded, k, kChannels),
                                              .bias = in(bias, k),
                                              .y = out(h, kRows, k),
                                              .workspace = {}});
    return h;
  }
};

struct Normed {
  Values mean, variance, y;

  Normed(const Values& x, const Values& gamma, const Values& beta) {
    const C c{static_cast<std::int64_t>(gamma.size())};
    mean = variance = zeros(c.value);
    y = x;
    Values scale = zeros(c.value), shift = zeros(c.value);
    batch_norm(
        Reference{},
        BatchNormStatistics<double>{
            .x = in(x, kRows, c), .mean = out(mean, c), .variance = out(variance, c), .workspace = {}});
    batch_norm(Reference{}, BatchNormFold<double>{.mean = in(mean, c),
                                                  .variance = in(variance, c),
                                                  .gamma = in(gamma, c),
                                                  .bias = in(beta, c),
                                                  .rstd = {},
                                                  .scale = out(scale, c),
                                                  .shift = out(shift, c)});
    batch_norm(
        Reference{},
        BatchNormApply<double>{
            .x = in(x, kRows, c), .scale = in(scale, c), .shift = in(shift, c), .y = out(y, kRows, c)});
  }
};

void expect_near(const Values& values, const Values& expected, const char* name) {
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], 1e-12 * (1 + std::abs(expected[i]))) << name << " " << i;
  }
}

TEST(FoldBatchNorms, EqualsTheLayersAndTheirStatistics) {
  const Problem p;
  const Normed conv(p.u, p.conv_gamma, p.conv_beta);
  Values hidden = zeros(kRows.value * kHidden.value);
  const K k{kHidden.value};
  linear(Reference{}, LinearForward<double>{.x = in(conv.y, kRows, kChannels),
                                            .weight = in(p.expand, k, kChannels),
                                            .bias = {},
                                            .y = out(hidden, kRows, k),
                                            .workspace = {}});
  const Normed expanded(hidden, p.expand_gamma, p.expand_beta);

  const Values conv_bias = random_normal(kChannels.value, 9);
  const Folded folded(p, conv_bias);
  expect_near(folded.apply(p.u), expanded.y, "h");
  Values conv_mean = conv.mean;
  for (std::size_t c = 0; c < conv_mean.size(); ++c) conv_mean[c] -= conv_bias[c];
  expect_near(folded.conv_mean, conv_mean, "conv_mean");
  expect_near(folded.conv_variance, conv.variance, "conv_variance");
  expect_near(folded.hidden_mean, expanded.mean, "hidden_mean");
  expect_near(folded.hidden_variance, expanded.variance, "hidden_variance");
}

// Of h = folded(statistics of u) u + bias, along u and every parameter.
TEST(FoldBatchNorms, Gradients) {
  Problem p;
  const Values dh = random_normal(kRows.value * kHidden.value, 7);
  const Folded folded(p);
  const K k{kHidden.value}, square{kChannels.value};
  Values du = zeros(kRows.value * kChannels.value), dfolded = zeros(kWeights), dbias = zeros(kHidden.value);
  linear(Reference{}, LinearBackwardInput<double>{.dy = in(dh, kRows, k),
                                                  .weight = in(folded.folded, k, kChannels),
                                                  .dx = out(du, kRows, kChannels),
                                                  .workspace = {}});
  linear(Reference{}, LinearBackwardWeight<double>{.x = in(p.u, kRows, kChannels),
                                                   .dy = in(dh, kRows, k),
                                                   .dweight = out(dfolded, k, kChannels),
                                                   .dbias = out(dbias, k),
                                                   .workspace = {}});
  Values dexpand = zeros(kWeights), dconv_gamma = zeros(kChannels.value), dconv_beta = zeros(kChannels.value),
         dexpand_gamma = zeros(kHidden.value), dexpand_beta = zeros(kHidden.value),
         dmean = zeros(kChannels.value), dcovariance = zeros(kChannels.value * kChannels.value);
  fold_batch_norms(Reference{},
                   FoldBatchNormsBackward<double>{.mean = in(folded.mean, kChannels),
                                                  .covariance = in(folded.covariance, kChannels, square),
                                                  .expand = in(p.expand, kHidden, kChannels),
                                                  .conv_gamma = in(p.conv_gamma, kChannels),
                                                  .expand_gamma = in(p.expand_gamma, kHidden),
                                                  .folded = in(folded.folded, kHidden, kChannels),
                                                  .hidden_variance = in(folded.hidden_variance, kHidden),
                                                  .dfolded = in(dfolded, kHidden, kChannels),
                                                  .dfolded_bias = in(dbias, kHidden),
                                                  .dexpand = out(dexpand, kHidden, kChannels),
                                                  .dconv_gamma = out(dconv_gamma, kChannels),
                                                  .dconv_beta = out(dconv_beta, kChannels),
                                                  .dexpand_gamma = out(dexpand_gamma, kHidden),
                                                  .dexpand_beta = out(dexpand_beta, kHidden),
                                                  .dmean = out(dmean, kChannels),
                                                  .dcovariance = out(dcovariance, kChannels, square)});
  covariance(Reference{}, CovarianceBackward<double>{.x = in(p.u, kRows, kChannels),
                                                     .mean = in(folded.mean, kChannels),
                                                     .dmean = in(dmean, kChannels),
                                                     .dcovariance = in(dcovariance, kChannels, square),
                                                     .dx = out(du, kRows, kChannels),
                                                     .workspace = {}});

  const auto loss = [&] { return dot(Folded(p).apply(p.u), dh); };
  expect_gradient("u", p.u, du, loss);
  expect_gradient("expand", p.expand, dexpand, loss);
  expect_gradient("conv_gamma", p.conv_gamma, dconv_gamma, loss);
  expect_gradient("conv_beta", p.conv_beta, dconv_beta, loss);
  expect_gradient("expand_gamma", p.expand_gamma, dexpand_gamma, loss);
  expect_gradient("expand_beta", p.expand_beta, dexpand_beta, loss);
  EXPECT_EQ(dconv_beta, zeros(kChannels.value));
}

TEST(Covariance, RefusesOneRowAndExtentsThatDoNotFit) {
  const auto call = [](std::int64_t rows, std::int64_t columns) -> std::string {
    try {
      covariance(Reference{}, Covariance<float>{.x = {nullptr, M{rows}, C{8}},
                                                .mean = {nullptr, C{8}},
                                                .covariance = {nullptr, C{8}, K{columns}},
                                                .workspace = {}});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(call(1, 8), "batch norm needs more than one value per channel in training (N*H*W = 1)");
  EXPECT_EQ(call(5, 16), "covariance: covariance has C=8 and K=16, must be equal");
}

}  // namespace
}  // namespace cf::kernels

// Batch norms folded by the covariance of their input: equal to the layers, gradients, refusals.
#include "kernels/fold_batch_norms/fold_batch_norms.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/covariance/covariance.h"
#include "kernels/linear/linear.h"
#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/values.h"

namespace cf::kernels {
namespace {

constexpr M kConvRows{57};
constexpr C kConvChannels{8};
constexpr E kExpandedChannels{20};
constexpr std::int64_t kExpansionSize = kExpandedChannels.value * kConvChannels.value;

// u with correlated channels off zero, and the parameters of both norms and of the expansion.
struct Problem {
  Values u, expand, conv_gamma, conv_beta, expand_gamma, expand_beta;

  Problem()
      : expand(random_normal(kExpansionSize, 2, 0, 0.4)),
        conv_gamma(random_normal(kConvChannels.value, 3, 1, 0.5)),
        conv_beta(random_normal(kConvChannels.value, 4)),
        expand_gamma(random_normal(kExpandedChannels.value, 5, 1, 0.5)),
        expand_beta(random_normal(kExpandedChannels.value, 6)) {
    u = random_normal(kConvRows.value * kConvChannels.value, 1, 0.7);
    for (std::size_t i = 1; i < u.size(); ++i) u[i] += 0.5 * u[i - 1];
  }
};

struct Folded {
  Values mean = zeros(kConvChannels.value), covariance = zeros(kConvChannels.value * kConvChannels.value),
         folded = zeros(kExpansionSize), bias = zeros(kExpandedChannels.value),
         hidden_mean = zeros(kExpandedChannels.value), hidden_variance = zeros(kExpandedChannels.value),
         conv_mean = zeros(kConvChannels.value), conv_variance = zeros(kConvChannels.value);

  explicit Folded(const Problem& p, const Values& conv_bias = zeros(kConvChannels.value)) {
    const K k{kConvChannels.value};
    kernels::covariance(Reference{}, Covariance<double>{.x = in(p.u, kConvRows, kConvChannels),
                                                        .mean = out(mean, kConvChannels),
                                                        .covariance = out(covariance, kConvChannels, k),
                                                        .workspace = {}});
    fold_batch_norms(Reference{},
                     FoldBatchNorms<double>{.bias = in(conv_bias, kConvChannels),
                                            .mean = in(mean, kConvChannels),
                                            .covariance = in(covariance, kConvChannels, k),
                                            .expand = in(p.expand, kExpandedChannels, kConvChannels),
                                            .conv_gamma = in(p.conv_gamma, kConvChannels),
                                            .conv_beta = in(p.conv_beta, kConvChannels),
                                            .expand_gamma = in(p.expand_gamma, kExpandedChannels),
                                            .expand_beta = in(p.expand_beta, kExpandedChannels),
                                            .folded = out(folded, kExpandedChannels, kConvChannels),
                                            .folded_bias = out(bias, kExpandedChannels),
                                            .hidden_mean = out(hidden_mean, kExpandedChannels),
                                            .hidden_variance = out(hidden_variance, kExpandedChannels),
                                            .conv_mean = out(conv_mean, kConvChannels),
                                            .conv_variance = out(conv_variance, kConvChannels)});
  }

  Values apply(const Values& u) const {
    Values h = zeros(kConvRows.value * kExpandedChannels.value);
    const K k{kExpandedChannels.value};
    linear(Reference{}, LinearForward<double>{.x = in(u, kConvRows, kConvChannels),
                                              .weight = in(folded, k, kConvChannels),
                                              .bias = in(bias, k),
                                              .y = out(h, kConvRows, k),
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
            .x = in(x, kConvRows, c), .mean = out(mean, c), .variance = out(variance, c), .workspace = {}});
    batch_norm(Reference{}, BatchNormFold<double>{.mean = in(mean, c),
                                                  .variance = in(variance, c),
                                                  .gamma = in(gamma, c),
                                                  .bias = in(beta, c),
                                                  .rstd = {},
                                                  .scale = out(scale, c),
                                                  .shift = out(shift, c)});
    batch_norm(Reference{}, BatchNormApply<double>{.x = in(x, kConvRows, c),
                                                   .scale = in(scale, c),
                                                   .shift = in(shift, c),
                                                   .y = out(y, kConvRows, c)});
  }
};

TEST(FoldBatchNorms, EqualsTheLayersAndTheirStatistics) {
  const Problem p;
  const Normed conv(p.u, p.conv_gamma, p.conv_beta);
  Values hidden = zeros(kConvRows.value * kExpandedChannels.value);
  const K k{kExpandedChannels.value};
  linear(Reference{}, LinearForward<double>{.x = in(conv.y, kConvRows, kConvChannels),
                                            .weight = in(p.expand, k, kConvChannels),
                                            .bias = {},
                                            .y = out(hidden, kConvRows, k),
                                            .workspace = {}});
  const Normed expanded(hidden, p.expand_gamma, p.expand_beta);

  const Values conv_bias = random_normal(kConvChannels.value, 9);
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
  const Values dh = random_normal(kConvRows.value * kExpandedChannels.value, 7);
  const Folded folded(p);
  const K k{kExpandedChannels.value}, square{kConvChannels.value};
  Values du = zeros(kConvRows.value * kConvChannels.value), dfolded = zeros(kExpansionSize),
         dbias = zeros(kExpandedChannels.value);
  linear(Reference{}, LinearBackwardInput<double>{.dy = in(dh, kConvRows, k),
                                                  .weight = in(folded.folded, k, kConvChannels),
                                                  .dx = out(du, kConvRows, kConvChannels),
                                                  .workspace = {}});
  linear(Reference{}, LinearBackwardWeight<double>{.x = in(p.u, kConvRows, kConvChannels),
                                                   .dy = in(dh, kConvRows, k),
                                                   .dweight = out(dfolded, k, kConvChannels),
                                                   .dbias = out(dbias, k),
                                                   .workspace = {}});
  Values dexpand = zeros(kExpansionSize), dconv_gamma = zeros(kConvChannels.value),
         dconv_beta = zeros(kConvChannels.value), dexpand_gamma = zeros(kExpandedChannels.value),
         dexpand_beta = zeros(kExpandedChannels.value), dmean = zeros(kConvChannels.value),
         dcovariance = zeros(kConvChannels.value * kConvChannels.value);
  fold_batch_norms(Reference{}, FoldBatchNormsBackward<double>{
                                    .mean = in(folded.mean, kConvChannels),
                                    .covariance = in(folded.covariance, kConvChannels, square),
                                    .expand = in(p.expand, kExpandedChannels, kConvChannels),
                                    .conv_gamma = in(p.conv_gamma, kConvChannels),
                                    .expand_gamma = in(p.expand_gamma, kExpandedChannels),
                                    .folded = in(folded.folded, kExpandedChannels, kConvChannels),
                                    .hidden_variance = in(folded.hidden_variance, kExpandedChannels),
                                    .dfolded = in(dfolded, kExpandedChannels, kConvChannels),
                                    .dfolded_bias = in(dbias, kExpandedChannels),
                                    .dexpand = out(dexpand, kExpandedChannels, kConvChannels),
                                    .dconv_gamma = out(dconv_gamma, kConvChannels),
                                    .dconv_beta = out(dconv_beta, kConvChannels),
                                    .dexpand_gamma = out(dexpand_gamma, kExpandedChannels),
                                    .dexpand_beta = out(dexpand_beta, kExpandedChannels),
                                    .dmean = out(dmean, kConvChannels),
                                    .dcovariance = out(dcovariance, kConvChannels, square)});
  covariance(Reference{}, CovarianceBackward<double>{.x = in(p.u, kConvRows, kConvChannels),
                                                     .mean = in(folded.mean, kConvChannels),
                                                     .dmean = in(dmean, kConvChannels),
                                                     .dcovariance = in(dcovariance, kConvChannels, square),
                                                     .dx = out(du, kConvRows, kConvChannels),
                                                     .workspace = {}});

  const auto loss = [&] { return dot(Folded(p).apply(p.u), dh); };
  expect_gradient("u", p.u, du, loss);
  expect_gradient("expand", p.expand, dexpand, loss);
  expect_gradient("conv_gamma", p.conv_gamma, dconv_gamma, loss);
  expect_gradient("conv_beta", p.conv_beta, dconv_beta, loss);
  expect_gradient("expand_gamma", p.expand_gamma, dexpand_gamma, loss);
  expect_gradient("expand_beta", p.expand_beta, dexpand_beta, loss);
  EXPECT_EQ(dconv_beta, zeros(kConvChannels.value));
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

// A batch norm behind an expansion, folded by the covariance of its input: equal to the layers; gradients.
#include "kernels/fold_expand_norm/fold_expand_norm.h"

#include <gtest/gtest.h>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/covariance/covariance.h"
#include "kernels/linear/linear.h"
#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/values.h"

namespace cf::kernels {
namespace {

constexpr M kInputRows{57};
constexpr C kInputChannels{8};
constexpr E kExpanded{20};
constexpr K kOut{kExpanded.value}, kSquare{kInputChannels.value};
constexpr C kAsChannels{kExpanded.value};
constexpr std::int64_t kInputSize = kInputRows.value * kInputChannels.value,
                       kExpandWeights = kExpanded.value * kInputChannels.value;

// x with correlated channels off zero, and the parameters.
struct ExpandNorm {
  Values x, expand = random_normal(kExpandWeights, 2, 0, 0.4),
            gamma = random_normal(kExpanded.value, 3, 1, 0.5), beta = random_normal(kExpanded.value, 4);

  ExpandNorm() : x(random_normal(kInputSize, 1, 0.7)) {
    for (std::size_t i = 1; i < x.size(); ++i) x[i] += 0.5 * x[i - 1];
  }
};

// h by the folded weights.
struct FoldedExpandNorm {
  Values mean = zeros(kInputChannels.value), covariance = zeros(kInputChannels.value * kInputChannels.value),
         weight = zeros(kExpandWeights), bias = zeros(kExpanded.value), hidden_mean = zeros(kExpanded.value),
         hidden_variance = zeros(kExpanded.value), h = zeros(kInputRows.value * kExpanded.value);

  explicit FoldedExpandNorm(const ExpandNorm& p, const Values& input_mean = zeros(kInputChannels.value)) {
    kernels::covariance(Reference{},
                        Covariance<double>{.x = in(p.x, kInputRows, kInputChannels),
                                           .mean = out(mean, kInputChannels),
                                           .covariance = out(covariance, kInputChannels, kSquare),
                                           .workspace = {}});
    fold_expand_norm(Reference{},
                     FoldExpandNorm<double>{.input_mean = in(input_mean, kInputChannels),
                                            .mean = in(mean, kInputChannels),
                                            .covariance = in(covariance, kInputChannels, kSquare),
                                            .expand = in(p.expand, kExpanded, kInputChannels),
                                            .gamma = in(p.gamma, kExpanded),
                                            .beta = in(p.beta, kExpanded),
                                            .folded = out(weight, kExpanded, kInputChannels),
                                            .folded_bias = out(bias, kExpanded),
                                            .hidden_mean = out(hidden_mean, kExpanded),
                                            .hidden_variance = out(hidden_variance, kExpanded),
                                            .workspace = {}});
    linear(Reference{}, LinearForward<double>{.x = in(p.x, kInputRows, kInputChannels),
                                              .weight = in(weight, kOut, kInputChannels),
                                              .bias = in(bias, kOut),
                                              .y = out(h, kInputRows, kOut),
                                              .workspace = {}});
  }
};

TEST(FoldExpandNorm, EqualsTheLayersAndTheirStatistics) {
  const ExpandNorm p;
  Values hidden = zeros(kInputRows.value * kExpanded.value), mean = zeros(kExpanded.value), variance = mean,
         scale = mean, offset = mean;
  linear(Reference{}, LinearForward<double>{.x = in(p.x, kInputRows, kInputChannels),
                                            .weight = in(p.expand, kOut, kInputChannels),
                                            .bias = {},
                                            .y = out(hidden, kInputRows, kOut),
                                            .workspace = {}});
  batch_norm(Reference{}, BatchNormStatistics<double>{.x = in(hidden, kInputRows, kAsChannels),
                                                      .mean = out(mean, kAsChannels),
                                                      .variance = out(variance, kAsChannels),
                                                      .workspace = {}});
  batch_norm(Reference{}, BatchNormFold<double>{.mean = in(mean, kAsChannels),
                                                .variance = in(variance, kAsChannels),
                                                .gamma = in(p.gamma, kAsChannels),
                                                .bias = in(p.beta, kAsChannels),
                                                .rstd = {},
                                                .scale = out(scale, kAsChannels),
                                                .shift = out(offset, kAsChannels)});
  Values normed = hidden;
  batch_norm(Reference{}, BatchNormApply<double>{.x = in(hidden, kInputRows, kAsChannels),
                                                 .scale = in(scale, kAsChannels),
                                                 .shift = in(offset, kAsChannels),
                                                 .y = out(normed, kInputRows, kAsChannels)});
  const FoldedExpandNorm folded(p, FoldedExpandNorm(p).mean);
  expect_near(folded.h, normed, "h");
  expect_near(folded.hidden_mean, mean, "hidden_mean");
  expect_near(folded.hidden_variance, variance, "hidden_variance");
}

TEST(FoldExpandNorm, ShiftsWhatIsFarFromZeroByAWholeNumberOfDeviations) {
  const Values mean = {0.3, -0.9, 100.2, -3.0006, 7, 2.6}, variance = {1, 3.9, 0.04, 7e-5, 0, 0.3};
  Values shift = zeros(6);
  fold_expand_norm(Reference{},
                   ExpandInputShift<double>{
                       .mean = in(mean, C{6}), .variance = in(variance, C{6}), .shift = out(shift, C{6})});
  EXPECT_EQ(shift, (Values{0, 0, 100.25, -3, 7, 3}));
}

// dx = weight' dh + slope (x - mean) + what makes its sum zero.
Values input_gradient(const ExpandNorm& p, const FoldedExpandNorm& folded, const Values& slope,
                      const Values& dh) {
  Values dx = zeros(kInputSize);
  linear(Reference{}, LinearBackwardInput<double>{.dy = in(dh, kInputRows, kOut),
                                                  .weight = in(folded.weight, kOut, kInputChannels),
                                                  .dx = out(dx, kInputRows, kInputChannels),
                                                  .workspace = {}});
  const auto x = in(p.x, kInputRows, kInputChannels);
  const auto view = out(dx, kInputRows, kInputChannels);
  for (const C c : range(kInputChannels)) {
    double sum = 0;
    for (const M m : range(kInputRows)) {
      for (const K k : range(kSquare))
        view(m, c) += in(slope, kInputChannels, kSquare)(c, k) * x(m, C{k.value});
      sum += view(m, c);
    }
    for (const M m : range(kInputRows)) view(m, c) -= sum / static_cast<double>(kInputRows.value);
  }
  return dx;
}

TEST(FoldExpandNorm, Gradients) {
  ExpandNorm p;
  const Values dh = random_normal(kInputRows.value * kExpanded.value, 7);
  const FoldedExpandNorm folded(p);
  Values dfolded = zeros(kExpandWeights), dbias = zeros(kExpanded.value), dexpand = zeros(kExpandWeights),
         dgamma = zeros(kExpanded.value), dbeta = zeros(kExpanded.value),
         slope = zeros(kInputChannels.value * kInputChannels.value);
  linear(Reference{}, LinearBackwardWeight<double>{.x = in(p.x, kInputRows, kInputChannels),
                                                   .dy = in(dh, kInputRows, kOut),
                                                   .dweight = out(dfolded, kOut, kInputChannels),
                                                   .dbias = out(dbias, kOut),
                                                   .workspace = {}});
  fold_expand_norm(Reference{}, FoldExpandNormBackward<double>{
                                    .rows = kInputRows.value,
                                    .mean = in(folded.mean, kInputChannels),
                                    .covariance = in(folded.covariance, kInputChannels, kSquare),
                                    .expand = in(p.expand, kExpanded, kInputChannels),
                                    .gamma = in(p.gamma, kExpanded),
                                    .hidden_variance = in(folded.hidden_variance, kExpanded),
                                    .dfolded = in(dfolded, kExpanded, kInputChannels),
                                    .dfolded_bias = in(dbias, kExpanded),
                                    .dexpand = out(dexpand, kExpanded, kInputChannels),
                                    .dgamma = out(dgamma, kExpanded),
                                    .dbeta = out(dbeta, kExpanded),
                                    .slope = out(slope, kInputChannels, kSquare),
                                    .workspace = {}});
  const Values dx = input_gradient(p, folded, slope, dh);
  const auto loss = [&] { return dot(FoldedExpandNorm(p).h, dh); };
  expect_gradient("x", p.x, dx, loss);
  expect_gradient("expand", p.expand, dexpand, loss);
  expect_gradient("gamma", p.gamma, dgamma, loss);
  expect_gradient("beta", p.beta, dbeta, loss);
}

}  // namespace
}  // namespace cf::kernels

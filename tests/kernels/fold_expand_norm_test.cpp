// A batch norm behind an expansion, folded by the covariance of its input: equal to the layers; gradients.
#include "kernels/fold_expand_norm/fold_expand_norm.h"

#include <gtest/gtest.h>

#include <cmath>
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
constexpr K kOut{kHidden.value}, kSquare{kChannels.value};
constexpr C kHiddenChannels{kHidden.value};
constexpr std::int64_t kImage = kRows.value * kChannels.value, kWeights = kHidden.value * kChannels.value;

Values zeros(std::int64_t size) { return Values(static_cast<std::size_t>(size), 0.0); }

template <class... Axes>
View<const double, Axes...> in(const Values& values, Axes... axes) {
  return {values.data(), axes...};
}
template <class... Axes>
View<double, Axes...> out(Values& values, Axes... axes) {
  return {values.data(), axes...};
}

// x with correlated channels off zero, and the parameters.
struct Problem {
  Values x, expand = random_normal(kWeights, 2, 0, 0.4), gamma = random_normal(kHidden.value, 3, 1, 0.5),
            beta = random_normal(kHidden.value, 4);

  Problem() : x(random_normal(kImage, 1, 0.7)) {
    for (std::size_t i = 1; i < x.size(); ++i) x[i] += 0.5 * x[i - 1];
  }
};

// h by the folded weights.
struct Folded {
  Values mean = zeros(kChannels.value), covariance = zeros(kChannels.value * kChannels.value),
         weight = zeros(kWeights), bias = zeros(kHidden.value), hidden_mean = zeros(kHidden.value),
         hidden_variance = zeros(kHidden.value), h = zeros(kRows.value * kHidden.value);

  explicit Folded(const Problem& p, const Values& input_mean = zeros(kChannels.value)) {
    kernels::covariance(Reference{}, Covariance<double>{.x = in(p.x, kRows, kChannels),
                                                        .mean = out(mean, kChannels),
                                                        .covariance = out(covariance, kChannels, kSquare),
                                                        .workspace = {}});
    fold_expand_norm(Reference{}, FoldExpandNorm<double>{.input_mean = in(input_mean, kChannels),
                                                         .mean = in(mean, kChannels),
                                                         .covariance = in(covariance, kChannels, kSquare),
                                                         .expand = in(p.expand, kHidden, kChannels),
                                                         .gamma = in(p.gamma, kHidden),
                                                         .beta = in(p.beta, kHidden),
                                                         .folded = out(weight, kHidden, kChannels),
                                                         .folded_bias = out(bias, kHidden),
                                                         .hidden_mean = out(hidden_mean, kHidden),
                                                         .hidden_variance = out(hidden_variance, kHidden),
                                                         .workspace = {}});
    linear(Reference{}, LinearForward<double>{.x = in(p.x, kRows, kChannels),
                                              .weight = in(weight, kOut, kChannels),
                                              .bias = in(bias, kOut),
                                              .y = out(h, kRows, kOut),
                                              .workspace = {}});
  }
};

void expect_near(const Values& values, const Values& expected, const char* name) {
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], 1e-12 * (1 + std::abs(expected[i]))) << name << " " << i;
  }
}

TEST(FoldExpandNorm, EqualsTheLayersAndTheirStatistics) {
  const Problem p;
  Values hidden = zeros(kRows.value * kHidden.value), mean = zeros(kHidden.value), variance = mean,
         scale = mean, offset = mean;
  linear(Reference{}, LinearForward<double>{.x = in(p.x, kRows, kChannels),
                                            .weight = in(p.expand, kOut, kChannels),
                                            .bias = {},
                                            .y = out(hidden, kRows, kOut),
                                            .workspace = {}});
  batch_norm(Reference{}, BatchNormStatistics<double>{.x = in(hidden, kRows, kHiddenChannels),
                                                      .mean = out(mean, kHiddenChannels),
                                                      .variance = out(variance, kHiddenChannels),
                                                      .workspace = {}});
  batch_norm(Reference{}, BatchNormFold<double>{.mean = in(mean, kHiddenChannels),
                                                .variance = in(variance, kHiddenChannels),
                                                .gamma = in(p.gamma, kHiddenChannels),
                                                .bias = in(p.beta, kHiddenChannels),
                                                .rstd = {},
                                                .scale = out(scale, kHiddenChannels),
                                                .shift = out(offset, kHiddenChannels)});
  Values normed = hidden;
  batch_norm(Reference{}, BatchNormApply<double>{.x = in(hidden, kRows, kHiddenChannels),
                                                 .scale = in(scale, kHiddenChannels),
                                                 .shift = in(offset, kHiddenChannels),
                                                 .y = out(normed, kRows, kHiddenChannels)});
  const Folded folded(p, Folded(p).mean);
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
Values input_gradient(const Problem& p, const Folded& folded, const Values& slope, const Values& dh) {
  Values dx = zeros(kImage);
  linear(Reference{}, LinearBackwardInput<double>{.dy = in(dh, kRows, kOut),
                                                  .weight = in(folded.weight, kOut, kChannels),
                                                  .dx = out(dx, kRows, kChannels),
                                                  .workspace = {}});
  const auto x = in(p.x, kRows, kChannels);
  const auto view = out(dx, kRows, kChannels);
  for (const C c : range(kChannels)) {
    double sum = 0;
    for (const M m : range(kRows)) {
      for (const K k : range(kSquare)) view(m, c) += in(slope, kChannels, kSquare)(c, k) * x(m, C{k.value});
      sum += view(m, c);
    }
    for (const M m : range(kRows)) view(m, c) -= sum / static_cast<double>(kRows.value);
  }
  return dx;
}

TEST(FoldExpandNorm, Gradients) {
  Problem p;
  const Values dh = random_normal(kRows.value * kHidden.value, 7);
  const Folded folded(p);
  Values dfolded = zeros(kWeights), dbias = zeros(kHidden.value), dexpand = zeros(kWeights),
         dgamma = zeros(kHidden.value), dbeta = zeros(kHidden.value),
         slope = zeros(kChannels.value * kChannels.value);
  linear(Reference{}, LinearBackwardWeight<double>{.x = in(p.x, kRows, kChannels),
                                                   .dy = in(dh, kRows, kOut),
                                                   .dweight = out(dfolded, kOut, kChannels),
                                                   .dbias = out(dbias, kOut),
                                                   .workspace = {}});
  fold_expand_norm(Reference{},
                   FoldExpandNormBackward<double>{.rows = kRows.value,
                                                  .mean = in(folded.mean, kChannels),
                                                  .covariance = in(folded.covariance, kChannels, kSquare),
                                                  .expand = in(p.expand, kHidden, kChannels),
                                                  .gamma = in(p.gamma, kHidden),
                                                  .hidden_variance = in(folded.hidden_variance, kHidden),
                                                  .dfolded = in(dfolded, kHidden, kChannels),
                                                  .dfolded_bias = in(dbias, kHidden),
                                                  .dexpand = out(dexpand, kHidden, kChannels),
                                                  .dgamma = out(dgamma, kHidden),
                                                  .dbeta = out(dbeta, kHidden),
                                                  .slope = out(slope, kChannels, kSquare),
                                                  .workspace = {}});
  const Values dx = input_gradient(p, folded, slope, dh);
  const auto loss = [&] { return dot(Folded(p).h, dh); };
  expect_gradient("x", p.x, dx, loss);
  expect_gradient("expand", p.expand, dexpand, loss);
  expect_gradient("gamma", p.gamma, dgamma, loss);
  expect_gradient("beta", p.beta, dbeta, loss);
}

}  // namespace
}  // namespace cf::kernels

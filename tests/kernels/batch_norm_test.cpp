#include "kernels/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

// A whole norm in training: statistics, fold, apply and backward at the reference in double.
struct Norm {
  std::int64_t rows, channels;
  Activation activation;
  std::vector<double> x = random_normal(rows * channels, 1, 0.7, 2);
  std::vector<double> gamma = random_normal(channels, 2);
  std::vector<double> bias = random_normal(channels, 3);
  std::vector<double> cotangent = random_normal(rows * channels, 4);
  std::vector<double> mean = x, variance = x, rstd = x, scale = x,
                      shift = x;  // the first `channels` are used

  View<double, C> per_channel(std::vector<double>& values) const { return {values.data(), C{channels}}; }
  View<double, M, C> matrix(std::vector<double>& values) const {
    return {values.data(), M{rows}, C{channels}};
  }

  std::vector<double> forward() {
    std::vector<double> y(x.size());
    batch_norm(Reference{},
               BatchNormStatistics<double>{
                   .x = matrix(x), .mean = per_channel(mean), .variance = per_channel(variance)});
    batch_norm(Reference{}, BatchNormFold<double>{.mean = per_channel(mean),
                                                  .variance = per_channel(variance),
                                                  .gamma = per_channel(gamma),
                                                  .bias = per_channel(bias),
                                                  .rstd = per_channel(rstd),
                                                  .scale = per_channel(scale),
                                                  .shift = per_channel(shift)});
    batch_norm(Reference{}, BatchNormApply<double>{.x = matrix(x),
                                                   .scale = per_channel(scale),
                                                   .shift = per_channel(shift),
                                                   .activation = activation,
                                                   .y = matrix(y)});
    return y;
  }

  struct Gradients {
    std::vector<double> x, gamma, bias;
  };
  Gradients backward() {
    forward();
    Gradients d{x, gamma, bias};
    batch_norm(Reference{}, BatchNormBackward<double>{.x = matrix(x),
                                                      .dy = matrix(cotangent),
                                                      .mean = per_channel(mean),
                                                      .rstd = per_channel(rstd),
                                                      .gamma = per_channel(gamma),
                                                      .bias = per_channel(bias),
                                                      .activation = activation,
                                                      .dx = matrix(d.x),
                                                      .dgamma = per_channel(d.gamma),
                                                      .dbias = per_channel(d.bias)});
    return d;
  }
  double loss() { return dot(forward(), cotangent); }
};

TEST(BatchNorm, GradientsMatchDifferences) {
  for (const auto activation :
       {Activation::None, Activation::Relu, Activation::Silu, Activation::HardSwish}) {
    Norm norm{.rows = 29, .channels = 5, .activation = activation};
    norm.gamma[1] = 0;
    const auto gradients = norm.backward();
    const std::string name(name_of(activation));
    const auto loss = [&] { return norm.loss(); };
    expect_gradient(name + " x", norm.x, gradients.x, loss);
    expect_gradient(name + " bias", norm.bias, gradients.bias, loss);
    expect_gradient(name + " gamma", norm.gamma, gradients.gamma, loss);
  }
}

TEST(BatchNorm, IgnoresScaleAndShiftOfItsInput) {
  Norm norm{.rows = 31, .channels = 6, .activation = Activation::Silu};
  const auto y = norm.forward();
  for (double& x : norm.x) x = 300 * x - 40;  // eps = 1e-5 beside a variance of 4 is the difference
  const auto z = norm.forward();
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], z[i], 2e-5);
}

// Statistics of x at Cpu against sums in double about the mean.
struct CpuStatistics {
  std::vector<float> mean, variance;
  std::vector<double> true_mean, true_variance;

  CpuStatistics(const std::vector<float>& x, std::int64_t rows, std::int64_t channels)
      : mean(static_cast<std::size_t>(channels)),
        variance(mean.size()),
        true_mean(mean.size()),
        true_variance(mean.size()) {
    Threads threads(2);
    BatchNormStatistics<float> args{.x = {x.data(), M{rows}, C{channels}},
                                    .mean = {mean.data(), C{channels}},
                                    .variance = {variance.data(), C{channels}}};
    std::vector<std::byte> workspace(workspace_bytes(Cpu{&threads}, args));
    args.workspace = workspace;
    batch_norm(Cpu{&threads}, args);
    for (const C c : range(C{channels})) {
      double sum = 0, squares = 0;
      for (const M m : range(M{rows})) sum += double{args.x(m, c)};
      const double center = sum / static_cast<double>(rows);
      for (const M m : range(M{rows})) squares += std::pow(double{args.x(m, c)} - center, 2);
      true_mean[static_cast<std::size_t>(c.value)] = center;
      true_variance[static_cast<std::size_t>(c.value)] = squares / static_cast<double>(rows);
    }
  }
};

TEST(BatchNorm, OfGivenStatisticsNeedsNoWorkspace) {
  Threads threads(2);
  std::vector<float> x(1000 * 3), vector(3);
  BatchNormTraining<float> args{
      .x = {x.data(), M{1000}, C{3}}, .mean = {vector.data(), C{3}}, .variance = {vector.data(), C{3}}};
  EXPECT_GT(workspace_bytes(Cpu{&threads}, args), 0U);
  args.has_statistics = true;
  EXPECT_EQ(workspace_bytes(Cpu{&threads}, args), 0U);
}

TEST(BatchNorm, StatisticsAreExactForAMeanFarAboveTheDeviation) {
  constexpr std::int64_t kRowCount = 4099, kChannels = 11;
  for (const double mean : {100.0, 1000.0, -10'000.0}) {
    auto x = random_normal<float>(kRowCount * kChannels, 5, mean, 1);
    for (std::size_t c = 0; c < kChannels; ++c) x[c] = 0;  // a first row that is no guess of the mean
    const CpuStatistics s(x, kRowCount, kChannels);
    for (std::size_t c = 0; c < kChannels; ++c) {
      EXPECT_NEAR(s.mean[c], s.true_mean[c], 1e-7 * std::abs(s.true_mean[c])) << mean;
      // The group of rows that begins with the outlier is summed about it: up to 9 times the group's variance
      // (which is most of all), rounded three times in float.
      EXPECT_NEAR(s.variance[c], s.true_variance[c], 9 * 3 * 0x1p-24 * s.true_variance[c]) << mean;
    }
  }
}

TEST(BatchNorm, VarianceOfAConstantChannelIsZeroAndOfANearlyConstantOneExact) {
  constexpr std::int64_t kRowCount = 517, kChannels = 9;
  auto x = random_normal<float>(kRowCount * kChannels, 6, 1, 3);
  for (std::size_t m = 0; m < kRowCount; ++m) {
    x[m * kChannels + 2] = 3.14159F;
    x[m * kChannels + 3] = m == 300 ? std::nextafter(3.14159F, 4.0F) : 3.14159F;
  }
  const CpuStatistics s(x, kRowCount, kChannels);
  EXPECT_EQ(s.variance[2], 0);
  EXPECT_GT(s.variance[3], 0);
  EXPECT_NEAR(s.variance[3], s.true_variance[3], 1e-6 * s.true_variance[3]);
}

TEST(BatchNorm, OneValuePerChannelIsAUsageError) {
  const std::vector<float> x(8, 1.0F);
  std::vector<float> mean(8), variance(8);
  const BatchNormStatistics<float> args{
      .x = {x.data(), M{1}, C{8}}, .mean = {mean.data(), C{8}}, .variance = {variance.data(), C{8}}};
  Threads threads(1);
  const auto expect_refusal = [](const auto& run) {
    try {
      run();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      EXPECT_STREQ(error.what(), "batch norm needs more than one value per channel in training (N*H*W = 1)");
    }
  };
  expect_refusal([&] { batch_norm(Reference{}, args); });
  expect_refusal([&] { batch_norm(Cpu{&threads}, args); });
}

TEST(BatchNorm, ANaNReachesItsChannelAlone) {
  auto x = random_normal<float>(100 * 9, 7);
  x[50 * 9 + 4] = std::nanf("");
  const CpuStatistics s(x, 100, 9);
  for (std::size_t c = 0; c < 9; ++c) {
    EXPECT_EQ(std::isnan(s.mean[c]), c == 4);
    EXPECT_EQ(std::isnan(s.variance[c]), c == 4);
  }
}

TEST(BatchNorm, NamesTheArgumentThatDoesNotFit) {
  std::vector<double> values(64);
  const View<double, M, C> x(values.data(), M{4}, C{8});
  const View<double, C> eight(values.data(), C{8}), seven(values.data(), C{7});
  try {
    batch_norm(Reference{}, BatchNormApply<double>{.x = x, .scale = eight, .shift = seven, .y = x});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "batch norm apply: shift has C=7, x has C=8");
  }
}

}  // namespace
}  // namespace cf::kernels

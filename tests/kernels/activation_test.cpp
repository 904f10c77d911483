#include "kernels/activation/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "kernels/base/exponential.h"
#include "tests/kernels/directional_derivative.h"

namespace cf::kernels {
namespace {

constexpr Activation kActivations[] = {Activation::None, Activation::Relu, Activation::Silu,
                                       Activation::HardSwish};

template <class T>
View<T, I> flat(std::vector<T>& values) {
  return {values.data(), I{static_cast<std::int64_t>(values.size())}};
}

TEST(Activation, GradientsMatchDifferences) {
  for (const auto kind : kActivations) {
    auto x = random_normal(101, 1, 0, 3);
    auto dy = random_normal(101, 2);
    std::vector<double> y(x.size()), dx(x.size());
    activation(Reference{},
               ActivationBackward<double>{.x = flat(x), .dy = flat(dy), .activation = kind, .dx = flat(dx)});
    expect_gradient(std::string(name_of(kind)), x, dx, [&] {
      activation(Reference{}, ActivationForward<double>{.x = flat(x), .activation = kind, .y = flat(y)});
      return dot(y, dy);
    });
  }
}

TEST(Activation, TakesKnownValues) {
  std::vector<float> x{-4, -3, -1, 0, 1, 3, 4, 200, -200};
  std::vector<float> y(x.size());
  Threads threads(1);
  const auto values_of = [&](Activation kind) {
    activation(Cpu{&threads}, ActivationForward<float>{.x = flat(x), .activation = kind, .y = flat(y)});
    return y;
  };
  EXPECT_EQ(values_of(Activation::Relu), (std::vector<float>{0, 0, 0, 0, 1, 3, 4, 200, 0}));
  const auto hard_swish = values_of(Activation::HardSwish);
  const std::vector<float> expected{0, 0, -1.0F / 3, 0, 2.0F / 3, 3, 4, 200, 0};
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(hard_swish[i], expected[i]);
  const auto silu = values_of(Activation::Silu);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_FLOAT_EQ(silu[i], static_cast<float>(x[i] / (1 + std::exp(-double{x[i]}))));
  }
}

TEST(Activation, NaNStaysNaN) {
  std::vector<float> x(9, std::nanf("")), ones(9, 1.0F), y(9);
  Threads threads(1);
  for (const auto kind : kActivations) {
    activation(Cpu{&threads}, ActivationForward<float>{.x = flat(x), .activation = kind, .y = flat(y)});
    for (const float value : y) EXPECT_TRUE(std::isnan(value)) << name_of(kind);
    activation(Reference{}, ActivationForward<float>{.x = flat(x), .activation = kind, .y = flat(y)});
    for (const float value : y) EXPECT_TRUE(std::isnan(value)) << name_of(kind);
  }
}

TEST(Exponential, IsWithinTwoUlpInTheWholeRange) {
  for (float x = -103; x < 88.7F; x += 0.00137F) {
    const double truth = std::exp(double{x});
    const double ulp = std::max(truth * 0x1p-23, 0x1p-149);
    ASSERT_NEAR(exponential(x), truth, 2 * ulp) << x;
  }
  EXPECT_EQ(exponential(0), 1);
  EXPECT_EQ(exponential(-110), 0);
  EXPECT_EQ(exponential(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_EQ(exponential(89), std::numeric_limits<float>::infinity());
  EXPECT_EQ(exponential(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(exponential(std::nanf(""))));
}

}  // namespace
}  // namespace cf::kernels

// Gradients against central differences of the forward pass, in double.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "tests/kernels/random_vector.h"

namespace cf::kernels {

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// loss() reads `input`; `gradient` is what backward says of it. Compared along three random directions.
template <class Loss>
void expect_gradient(const std::string& name, std::vector<double>& input, const std::vector<double>& gradient,
                     const Loss& loss) {
  constexpr double kStep = 1e-5;
  ASSERT_EQ(input.size(), gradient.size()) << name;
  const std::vector<double> start = input;
  for (std::uint64_t seed = 101; seed < 104; ++seed) {
    const auto direction = random_normal(static_cast<std::int64_t>(input.size()), seed);
    const auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < input.size(); ++i) input[i] = start[i] + step * direction[i];
      return loss();
    };
    // Of fourth order: steps of 1 and 2.
    const double slope =
        (8 * (loss_at(kStep) - loss_at(-kStep)) - (loss_at(2 * kStep) - loss_at(-2 * kStep))) / (12 * kStep);
    input = start;
    const double expected = dot(gradient, direction);
    EXPECT_NEAR(slope, expected, 1e-7 * std::sqrt(dot(gradient, gradient)) + 1e-9 * (1 + std::abs(loss())))
        << name;
  }
}

}  // namespace cf::kernels

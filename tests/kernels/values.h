// Tensors in double as tests at place Reference hold them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/base/view.h"

namespace cf::kernels {

using Values = std::vector<double>;

inline Values zeros(std::int64_t size) { return Values(static_cast<std::size_t>(size)); }

// The values as an input or an output of a kernel, with these extents.
template <class... Axes>
View<const double, Axes...> in(const Values& values, Axes... axes) {
  return {values.data(), axes...};
}
template <class... Axes>
View<double, Axes...> out(Values& values, Axes... axes) {
  return {values.data(), axes...};
}

// To the rounding of double.
inline void expect_near(const Values& values, const Values& expected, const char* name) {
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], 1e-12 * (1 + std::abs(expected[i]))) << name << " " << i;
  }
}

}  // namespace cf::kernels

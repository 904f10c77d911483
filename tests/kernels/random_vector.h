// Vectors of random numbers for tests.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/philox.h"

namespace cf::kernels {

template <class T = double>
std::vector<T> random_normal(std::int64_t size, std::uint64_t seed, double mean = 0, double deviation = 1) {
  Philox philox(seed, Purpose::Test);
  std::vector<T> values(static_cast<std::size_t>(size));
  for (T& value : values) value = static_cast<T>(mean + deviation * static_cast<double>(philox.normal()));
  return values;
}

}  // namespace cf::kernels

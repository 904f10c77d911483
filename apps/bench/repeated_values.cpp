#include "apps/bench/repeated_values.h"

#include <algorithm>

#include "kernels/base/case.h"

namespace cf::apps {

void fill_repeating(Executor& executor, std::span<const double> values, const Tensor& into) {
  const auto given = static_cast<std::int64_t>(values.size());
  CF_CHECK(given > 0 && given <= into.size(), given, " values repeated over ", into.shape().text());
  std::vector<std::byte> bytes(values.size() * static_cast<std::size_t>(size_of(into.dtype())));
  kernels::encode(values, into.dtype(), bytes.data());
  executor.write(bytes, into.slice(0, Shape(I{given})));
  for (std::int64_t filled = given; filled < into.size();) {
    const std::int64_t more = std::min(filled, into.size() - filled);
    executor.copy(into.slice(0, Shape(I{more})), into.slice(filled, Shape(I{more})));
    filled += more;
  }
}

Tensor normal_tensor(Executor& executor, DType type, const Shape& shape) {
  constexpr std::int64_t kMostDrawn = 1 << 18;
  std::vector<double> values(static_cast<std::size_t>(std::min(shape.size(), kMostDrawn)));
  Philox philox(1, Purpose::Test);
  kernels::normal(0, 1)(philox, values);
  const Tensor flat = executor.empty(type, Shape(I{shape.size()}));
  fill_repeating(executor, values, flat);
  return flat.reshaped(shape);
}

}  // namespace cf::apps

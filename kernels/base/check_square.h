// Checks that a matrix over the channels, [C,K], is square.
#pragma once

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class Square>
void check_square(std::string_view kernel, std::string_view name, const Square& square) {
  const auto c = square.template extent<C>().value, k = square.template extent<K>().value;
  CF_CHECK(c == k, kernel, ": ", name, " has C=", c, " and K=", k, ", must be equal");
}

}  // namespace cf::kernels

// Checks that two arguments of a kernel agree on an axis.
//
//   check_extent<C>("linear forward", "x", a.x, "weight", a.weight);
//     -> "linear forward: x has C=24, weight has C=32"
#pragma once

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class A, class First, class Second>
void check_extent(std::string_view kernel, std::string_view first_name, const First& first,
                  std::string_view second_name, const Second& second) {
  const auto a = first.template extent<A>(), b = second.template extent<A>();
  CF_CHECK(a == b, kernel, ": ", first_name, " has ", A::kName, "=", a.value, ", ", second_name, " has ",
           A::kName, "=", b.value);
}

// Two arguments of the same axes agree on all of them.
template <class First, class Second, class... Axes>
void check_same_shape(std::string_view kernel, std::string_view first_name, const View<First, Axes...>& first,
                      std::string_view second_name, const View<Second, Axes...>& second) {
  (check_extent<Axes>(kernel, first_name, first, second_name, second), ...);
}

}  // namespace cf::kernels

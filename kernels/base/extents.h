// Checks that the views given to a kernel fit together; the message names kernel, view, axis and both
// numbers:
//   batch_norm: dy has C = 8, must be 16
#pragma once

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/view.h"

namespace cf {

template <class A>
void check_extent(std::string_view kernel, std::string_view view, A found, A wanted) {
  CF_CHECK(found == wanted, kernel, ": ", view, " has ", A::kName, " = ", found.value, ", must be ",
           wanted.value);
}

// The view must have the axes of `like`, with equal extents.
template <class T, class U, class... Axes>
void check_extents(std::string_view kernel, std::string_view view, const View<T, Axes...>& found,
                   const View<U, Axes...>& like) {
  (check_extent(kernel, view, found.template extent<Axes>(), like.template extent<Axes>()), ...);
}

}  // namespace cf

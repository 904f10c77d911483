// Agreement of folded_linear's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/folded_linear/folded_linear.h"

namespace cf::kernels {

template <class T>
void check(const FoldedLinear<T>& a) {
  constexpr auto kName = "folded_linear";
  check_extent<C>(kName, "x", a.x, "weight", a.weight);
  check_extent<M>(kName, "x", a.x, "y", a.y);
  check_extent<K>(kName, "weight", a.weight, "y", a.y);
  check_extent<K>(kName, "weight", a.weight, "bias", a.bias);
  if (!a.residual) return;
  check_same_shape(kName, "y", a.y, "residual", a.residual);
  CF_CHECK(a.activation == Activation::None, kName, ": a residual beside the activation ",
           name_of(a.activation), ", must be none");
}

}  // namespace cf::kernels

// Agreement of the extents of convfirst's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/grouped_conv/grouped_conv_check.h"

namespace cf::kernels {

template <class T>
void check(const ConvFirstForward<T>& a) {
  constexpr auto kName = "convfirst forward";
  check_same_shape(kName, "x", a.x, "y", a.y);
  detail::check_grouped_filter(kName, "conv", a.conv);
  const auto c = a.x.template extent<C>().value, k = a.conv.template extent<K>().value;
  CF_CHECK(c == k, kName, ": x has C=", c, ", conv has K=", k, ", must be equal");
  check_extent<C>(kName, "x", a.x, "conv_bias", a.conv_bias);
  check_extent<C>(kName, "x", a.x, "expand", a.expand);
  check_extent<E>(kName, "expand", a.expand, "expand_bias", a.expand_bias);
  check_extent<C>(kName, "x", a.x, "project", a.project);
  check_extent<E>(kName, "expand", a.expand, "project", a.project);
  check_extent<C>(kName, "x", a.x, "project_bias", a.project_bias);
}

}  // namespace cf::kernels

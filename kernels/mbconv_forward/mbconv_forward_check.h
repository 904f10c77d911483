// Agreement of the extents of mbconv's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/mbconv_forward/mbconv_forward.h"

namespace cf::kernels {

template <class T>
void check(const MBConvForward<T>& a) {
  constexpr auto kName = "mbconv forward";
  check_same_shape(kName, "x", a.x, "y", a.y);
  check_extent<C>(kName, "x", a.x, "expand", a.expand);
  check_extent<E>(kName, "expand", a.expand, "expand_bias", a.expand_bias);
  detail::check_grouped_filter(kName, "conv", a.conv);
  const auto e = a.expand.template extent<E>().value, k = a.conv.template extent<K>().value;
  CF_CHECK(e == k, kName, ": expand has E=", e, ", conv has K=", k, ", must be equal");
  check_extent<E>(kName, "expand", a.expand, "conv_bias", a.conv_bias);
  check_extent<E>(kName, "expand", a.expand, "squeeze", a.squeeze);
  check_extent<D>(kName, "squeeze", a.squeeze, "squeeze_bias", a.squeeze_bias);
  check_extent<E>(kName, "expand", a.expand, "excite", a.excite);
  check_extent<D>(kName, "squeeze", a.squeeze, "excite", a.excite);
  check_extent<E>(kName, "expand", a.expand, "excite_bias", a.excite_bias);
  check_extent<C>(kName, "x", a.x, "project", a.project);
  check_extent<E>(kName, "expand", a.expand, "project", a.project);
  check_extent<C>(kName, "x", a.x, "project_bias", a.project_bias);
}

}  // namespace cf::kernels

// Agreement of the extents of global_average_pool's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/global_average_pool/global_average_pool.h"

namespace cf::kernels {

namespace detail {

template <class Image, class Pooled>
void check_pooling(std::string_view kernel, std::string_view image_name, const Image& image,
                   std::string_view pooled_name, const Pooled& pooled) {
  check_extent<N>(kernel, image_name, image, pooled_name, pooled);
  check_extent<C>(kernel, image_name, image, pooled_name, pooled);
  const auto h = image.template extent<H>().value, w = image.template extent<W>().value;
  CF_CHECK(h >= 1 && w >= 1, kernel, ": ", image_name, " has H=", h, " W=", w, ", must be at least 1");
}

}  // namespace detail

template <class T>
void check(const GlobalAveragePoolForward<T>& a) {
  detail::check_pooling("global_average_pool forward", "x", a.x, "y", a.y);
}

template <class T>
void check(const GlobalAveragePoolBackward<T>& a) {
  detail::check_pooling("global_average_pool backward", "dx", a.dx, "dy", a.dy);
}

}  // namespace cf::kernels

// Agreement of the extents of patch_conv's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/patch_conv/patch_conv.h"

namespace cf::kernels {

namespace detail {

// x is [N,H,W,C], y is [N,P,Q,K], weight is [K,R,S,C]; each is x, y, weight or its gradient.
template <class X, class Y, class Weight>
void check_patches(std::string_view kernel, std::string_view x_name, const X& x, std::string_view y_name,
                   const Y& y, std::string_view weight_name, const Weight& weight) {
  check_extent<N>(kernel, x_name, x, y_name, y);
  check_extent<C>(kernel, x_name, x, weight_name, weight);
  check_extent<K>(kernel, y_name, y, weight_name, weight);
  const auto r = weight.template extent<R>().value, s = weight.template extent<S>().value;
  CF_CHECK(r >= 1 && s >= 1, kernel, ": ", weight_name, " has R=", r, " S=", s, ", must be at least 1");
  const auto h = x.template extent<H>().value, w = x.template extent<W>().value,
             p = y.template extent<P>().value, q = y.template extent<Q>().value;
  CF_CHECK(p == h / r, kernel, ": ", y_name, " has P=", p, ", ", x_name, " has H=", h,
           ", which gives P=", h / r);
  CF_CHECK(q == w / s, kernel, ": ", y_name, " has Q=", q, ", ", x_name, " has W=", w,
           ", which gives Q=", w / s);
}

}  // namespace detail

template <class T>
void check(const PatchConvForward<T>& a) {
  detail::check_patches("patch_conv forward", "x", a.x, "y", a.y, "weight", a.weight);
  if (a.bias) check_extent<K>("patch_conv forward", "weight", a.weight, "bias", a.bias);
}

template <class T>
void check(const PatchConvBackwardInput<T>& a) {
  detail::check_patches("patch_conv backward input", "dx", a.dx, "dy", a.dy, "weight", a.weight);
}

template <class T>
void check(const PatchConvBackwardWeight<T>& a) {
  detail::check_patches("patch_conv backward weight", "x", a.x, "dy", a.dy, "dweight", a.dweight);
}

}  // namespace cf::kernels

// Agreement of the extents of grouped_conv's arguments, at every place.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/grouped_conv/grouped_conv_backward.h"

namespace cf::kernels {

namespace detail {

// The filter [channels, 3, 3, 8] over channels a multiple of 8.
template <class Weight>
void check_grouped_filter(std::string_view kernel, std::string_view name, const Weight& weight) {
  const auto k = weight.template extent<K>().value, r = weight.template extent<R>().value,
             s = weight.template extent<S>().value, c = weight.template extent<C>().value;
  CF_CHECK(k % kGroupWidth == 0, kernel, ": ", name, " has K=", k, ", must be a multiple of ", kGroupWidth);
  CF_CHECK(r == 3 && s == 3, kernel, ": ", name, " has R=", r, " S=", s, ", must be 3 and 3");
  CF_CHECK(c == kGroupWidth, kernel, ": ", name, " has C=", c, ", must be ", kGroupWidth);
}

// with_k holds the kept samples of with_c.
template <class WithC, class WithK>
void check_grouped_images(std::string_view kernel, const View<const std::int64_t, N>& kept,
                          std::string_view c_name, const WithC& with_c, std::string_view k_name,
                          const WithK& with_k) {
  if (kept) {
    check_extent<N>(kernel, "kept", kept, k_name, with_k);
  } else {
    check_extent<N>(kernel, c_name, with_c, k_name, with_k);
  }
  check_extent<H>(kernel, c_name, with_c, k_name, with_k);
  check_extent<W>(kernel, c_name, with_c, k_name, with_k);
  const auto c = with_c.template extent<C>().value, k = with_k.template extent<K>().value;
  CF_CHECK(c == k, kernel, ": ", c_name, " has C=", c, ", ", k_name, " has K=", k, ", must be equal");
}

template <class Args>
void check_input_norm(std::string_view kernel, const Args& a) {
  if (!a.norm) return;
  CF_CHECK(!a.kept, kernel, ": kept samples and a norm of the input exclude each other");
  check_extent<C>(kernel, "x", a.x, "norm.scale", a.norm.scale);
  check_extent<C>(kernel, "x", a.x, "norm.shift", a.norm.shift);
}

}  // namespace detail

template <class T>
void check(const GroupedConvForward<T>& a) {
  constexpr auto kName = "grouped_conv forward";
  detail::check_grouped_filter(kName, "weight", a.weight);
  detail::check_grouped_images(kName, a.kept, "x", a.x, "y", a.y);
  check_extent<K>(kName, "weight", a.weight, "y", a.y);
  if (a.bias) check_extent<K>(kName, "weight", a.weight, "bias", a.bias);
  detail::check_input_norm(kName, a);
  CF_CHECK(!a.norm || a.activation == Activation::None, kName, ": a norm of the input and the activation ",
           name_of(a.activation), " exclude each other");
  CF_CHECK(!a.kept || a.activation == Activation::None, kName, ": kept samples and the activation ",
           name_of(a.activation), " exclude each other");
}

template <class T>
void check(const GroupedConvCentre<T>& a) {
  constexpr auto kName = "grouped_conv centre";
  detail::check_grouped_filter(kName, "weight", a.weight);
  const auto c = a.x.template extent<C>().value, k = a.weight.template extent<K>().value;
  CF_CHECK(c == k, kName, ": x has C=", c, ", weight has K=", k, ", must be equal");
  CF_CHECK(!a.kept || a.kept.size() <= a.x.template extent<N>().value, kName, ": kept has N=", a.kept.size(),
           ", more than the samples of x");
  check_extent<K>(kName, "weight", a.weight, "bias", a.bias);
}

template <class T>
void check(const GroupedConvBackwardInput<T>& a) {
  constexpr auto kName = "grouped_conv backward input";
  detail::check_grouped_filter(kName, "weight", a.weight);
  check_extent<K>(kName, "weight", a.weight, "dy", a.dy);
  detail::check_grouped_images(kName, a.kept, "dx", a.dx, "dy", a.dy);
  if (a.added) check_same_shape(kName, "added", a.added, "dx", a.dx);
  CF_CHECK(a.added || !a.kept, kName, ": samples are kept only where dx is added to");
  CF_CHECK(!a.kept || a.added.data() == a.dx.data(), kName, ": of kept samples, dx must be what is added");
}

template <class T>
void check(const GroupedConvBackwardWeight<T>& a) {
  constexpr auto kName = "grouped_conv backward weight";
  detail::check_grouped_filter(kName, "dweight", a.dweight);
  detail::check_grouped_images(kName, a.kept, "x", a.x, "dy", a.dy);
  check_extent<K>(kName, "dweight", a.dweight, "dy", a.dy);
  detail::check_input_norm(kName, a);
}

template <class T>
void check(const GroupedConvBackward<T>& a) {
  check(detail::weight_part(a));
  check(detail::input_part(a));
}

}  // namespace cf::kernels

// feed_forward's backward pass at place Cuda: the Hopper route where it applies, else the portable one.
// Defined here, instantiated in a file for each element type.
#pragma once

#include <algorithm>

#include "kernels/feed_forward_backward/feed_forward_backward_check.h"
#include "kernels/feed_forward_backward/hopper_route.cuh"
#include "kernels/feed_forward_backward/portable_route.cuh"

namespace cf::kernels {

template <class T>
void check_supported(const FeedForwardBackward<T>& a) {
  constexpr auto kName = feed_forward_backward::kName;
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30, kMostHidden = std::int64_t{1} << 20;
  constexpr std::int64_t kMostChannels = feed_forward_backward::kPortableMostChannels;
  const auto channels = a.u.template extent<C>().value, hidden = a.expand.template extent<E>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels > 0 && channels <= kMostChannels && channels % 8 == 0, kName,
              ": u has C=", channels, ", the GPU takes multiples of 8 up to ", kMostChannels);
  CF_CHECK_AS(ErrorKind::Usage, hidden > 0 && hidden <= kMostHidden && hidden % 8 == 0, kName,
              ": expand has E=", hidden, ", the GPU takes multiples of 8 up to ", kMostHidden);
  CF_CHECK(a.u.size() / channels < kMostPixels, kName, ": u has too many pixels for the GPU");
  CF_CHECK(aligned_to(16, a.u.data(), a.dp.data(), a.du.data(), a.expand.data(), a.project.data()), kName,
           ": images and weights must be aligned to 16 bytes");
}

template <class T>
void feed_forward(Cuda place, const FeedForwardBackward<T>& a) {
  check(a);
  check_supported(a);
  if (!a.portable && feed_forward_backward::run_hopper(place, a)) return;
  feed_forward_backward::run_portable(place, a);
}

template <class T>
std::size_t workspace_bytes(Cuda place, const FeedForwardBackward<T>& a) {
  check_supported(a);
  const feed_forward_backward::Extents extents(a);
  const std::size_t portable = feed_forward_backward::portable_bytes(place, extents);
  return a.portable ? portable : std::max(portable, feed_forward_backward::hopper_bytes(place, extents));
}

}  // namespace cf::kernels

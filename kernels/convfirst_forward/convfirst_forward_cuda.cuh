// convfirst at place Cuda: the Hopper route where it applies, else the portable one. Defined here,
// instantiated in a file for each element type.
#pragma once

#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/convfirst_forward/convfirst_forward_check.h"
#include "kernels/convfirst_forward/hopper_route.cuh"
#include "kernels/convfirst_forward/portable_route.cuh"

namespace cf::kernels {

template <class T>
void check_supported(const ConvFirstForward<T>& a) {
  constexpr auto kName = "convfirst forward";
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 31;
  const auto channels = a.x.template extent<C>().value, hidden = a.expand.template extent<E>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels <= kConvFirstMostChannels, kName, ": x has C=", channels,
              ", the GPU takes at most ", kConvFirstMostChannels);
  CF_CHECK_AS(ErrorKind::Usage, hidden > 0 && hidden % 8 == 0, kName, ": expand has E=", hidden,
              ", the GPU takes multiples of 8");
  CF_CHECK(a.x.size() / std::max<std::int64_t>(channels, 1) < kMostPixels, kName,
           ": x has too many pixels for the GPU");
  CF_CHECK(aligned_to(16, a.x.data(), a.y.data(), a.conv.data(), a.expand.data(), a.project.data()), kName,
           ": images and weights must be aligned to 16 bytes");
}

template <class T>
void convfirst(Cuda place, const ConvFirstForward<T>& a) {
  check(a);
  check_supported(a);
  if (a.y.size() == 0) return;
  if (!a.portable && convfirst_hopper::run(place, a)) return;
  convfirst_portable::run(place, a);
}

}  // namespace cf::kernels

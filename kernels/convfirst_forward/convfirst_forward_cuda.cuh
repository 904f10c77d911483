// convfirst at place Cuda: by the kernel that convfirst_route() names. Defined here, instantiated in a file
// for each element type.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/convfirst_forward/convfirst_forward_check.h"
#include "kernels/convfirst_forward/hopper_route.cuh"
#include "kernels/convfirst_forward/portable_route.cuh"

namespace cf::kernels {

template <class T>
ConvFirstLimits convfirst_limits(Cuda place, std::int64_t shared_memory_limit) {
  return {.shared_memory = shared_memory_of_block(shared_memory_limit),
          .multiprocessors = multiprocessors_of(place),
          .wgmma = has_hopper_code<
              convfirst_hopper::convfirst_hopper_kernel<T, convfirst_hopper::TileOf<64, false>>>()};
}

template <class T>
void convfirst(Cuda place, const ConvFirstForward<T>& a) {
  constexpr auto kName = "convfirst forward";
  check(a);
  CF_CHECK(aligned_to(16, a.x.data(), a.y.data(), a.conv.data(), a.expand.data(), a.project.data()), kName,
           ": images and weights must be aligned to 16 bytes");
  if (a.y.size() == 0) return;
  const auto e = a.x.extents();
  const ConvFirstRoute route = convfirst_route({e[0], e[1], e[2], e[3], a.expand.template extent<E>().value},
                                               convfirst_limits<T>(place, a.shared_memory_limit), a.portable);
  switch (route.kind) {
    case ConvFirstRoute::Kind::Hopper:
      return convfirst_hopper::run(place, a, route);
    case ConvFirstRoute::Kind::Portable:
      return convfirst_portable::run(place, a, route);
    case ConvFirstRoute::Kind::None:
      fail(ErrorKind::Usage, kName, ": ", route.why_none);
  }
}

}  // namespace cf::kernels

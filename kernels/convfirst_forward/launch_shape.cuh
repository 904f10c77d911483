// The launch of the kernel that a route of convfirst or feed_forward names.
#pragma once

#include "kernels/base/launch.cuh"
#include "kernels/convfirst_forward/convfirst_route.h"

namespace cf::kernels {

inline LaunchShape launch_shape(const ConvFirstRoute& route) {
  return {.grid = static_cast<unsigned>(route.blocks),
          .block = static_cast<unsigned>(route.block_threads),
          .shared_bytes = static_cast<std::size_t>(route.shared_bytes)};
}

}  // namespace cf::kernels

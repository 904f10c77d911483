// Starts the portable route of convfirst for one element type.
#pragma once

#include <iterator>
#include <utility>

#include "kernels/base/dispatch.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/launch_shape.cuh"
#include "kernels/convfirst_forward/portable_kernel.cuh"

namespace cf::kernels::convfirst_portable {

template <class T>
Arguments<T> arguments_of(const ConvFirstForward<T>& a, const ConvFirstRoute& route) {
  const auto e = a.x.extents();
  return {.x = a.x.data(),
          .conv = a.conv.data(),
          .expand = a.expand.data(),
          .project = a.project.data(),
          .conv_bias = a.conv_bias.data(),
          .expand_bias = a.expand_bias.data(),
          .project_bias = a.project_bias.data(),
          .y = a.y.data(),
          .channels = static_cast<int>(e[3]),
          .hidden = static_cast<int>(a.expand.template extent<E>().value),
          .pixels = static_cast<std::uint32_t>(e[0] * e[1] * e[2]),
          .height = static_cast<std::uint32_t>(e[1]),
          .width = static_cast<std::uint32_t>(e[2]),
          .tiling = route.portable};
}

// Calls body<Tile>() with the tile of a portable route.
template <template <int> class TileOf, class Body>
void dispatch_tile(const ConvFirstRoute& route, const Body& body) {
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    dispatch<kConvFirstWidths[kIndex]...>(
        "channels", convfirst_padded_channels(route.channels),
        [&]<int kChannels>() { body.template operator()<TileOf<kChannels>>(); });
  }
  (std::make_integer_sequence<int, static_cast<int>(std::size(kConvFirstWidths))>{});
}

template <class T>
void run(Cuda place, const ConvFirstForward<T>& a, const ConvFirstRoute& route) {
  dispatch_tile<TileOf>(route, [&]<class Tile>() {
    launch("convfirst forward", convfirst_kernel<T, Tile>, launch_shape(route), place,
           arguments_of(a, route));
  });
}

}  // namespace cf::kernels::convfirst_portable

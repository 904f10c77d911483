// Starts the Hopper route of convfirst for one element type.
#pragma once

#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/hopper_kernel.cuh"
#include "kernels/convfirst_forward/launch_shape.cuh"

namespace cf::kernels::convfirst_hopper {

template <class T>
Arguments<T> arguments_of(const ConvFirstForward<T>& a, const HopperTile& tile, const HopperTiling& tiling) {
  const auto e = a.x.extents();
  const std::int64_t pixels = e[0] * e[1] * e[2], hidden = a.expand.template extent<E>().value;
  const std::int64_t channels = tile.channels, pixel_bytes = channels * 2;
  const int columns = tile.row_bytes() / 2;
  constexpr int kSide = HopperTile::kPatch + 2;
  const CUtensorMap runs =
      tile.patches
          ? tensor_map<4>(a.x.data(), {{channels, columns},
                                       {e[2], kSide, pixel_bytes},
                                       {e[1], kSide, e[2] * pixel_bytes},
                                       {e[0], 1, e[1] * e[2] * pixel_bytes}})
          : tensor_map<2>(a.x.data(), {{channels, columns}, {pixels, tiling.run_pixels, pixel_bytes}});
  return {.x = runs,
          .expand = tensor_map<2>(a.expand.data(),
                                  {{channels, columns}, {hidden, HopperTile::kChunk, pixel_bytes}}),
          .project = project_map(a.project.data(), channels, hidden),
          .conv = a.conv.data(),
          .conv_bias = a.conv_bias.data(),
          .expand_bias = a.expand_bias.data(),
          .project_bias = a.project_bias.data(),
          .y = a.y.data(),
          .moments = nullptr,
          .hidden = static_cast<int>(hidden),
          .pixels = static_cast<std::uint32_t>(pixels),
          .height = static_cast<std::uint32_t>(e[1]),
          .width = static_cast<std::uint32_t>(e[2]),
          .tiling = tiling};
}

// Calls body<Tile>() with the tile of a Hopper route.
template <class Body>
void dispatch_tile(const ConvFirstRoute& route, const Body& body) {
  if (route.channels == 128) return body.template operator()<TileOf<128, false>>();
  dispatch<32, 64>("channels", static_cast<int>(route.channels), [&]<int kChannels>() {
    if (route.patches) return body.template operator()<TileOf<kChannels, true>>();
    body.template operator()<TileOf<kChannels, false>>();
  });
}

template <class T>
void run(Cuda place, const ConvFirstForward<T>& a, const ConvFirstRoute& route) {
  dispatch_tile(route, [&]<class Tile>() {
    launch("convfirst forward", convfirst_hopper_kernel<T, Tile>, launch_shape(route), place,
           arguments_of(a, Tile::get(), route.hopper));
  });
}

}  // namespace cf::kernels::convfirst_hopper

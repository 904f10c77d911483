// Starts the portable route of convfirst for one element type.
#pragma once

#include <algorithm>

#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/portable_kernel.cuh"

namespace cf::kernels::convfirst_portable {

inline constexpr std::string_view kName = "convfirst forward";

template <class T>
Arguments<T> arguments_of(const ConvFirstForward<T>& a) {
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
          .tiling = {}};
}

template <class T, class Tile>
void start(Cuda place, Arguments<T> arguments, std::int64_t shared_limit) {
  const int multiprocessors = multiprocessors_of(place);
  const std::int64_t limit = shared_memory_of_block(shared_limit);
  const auto tiling = convfirst_tiling(Tile::get(), {arguments.pixels, arguments.width, arguments.hidden},
                                       limit, multiprocessors);
  CF_CHECK_AS(ErrorKind::Usage, tiling.shared_bytes > 0, kName, ": C=", arguments.channels,
              " E=", arguments.hidden, " does not fit ", limit, " bytes of shared memory");
  arguments.tiling = tiling;
  const auto tiles =
      (static_cast<std::int64_t>(arguments.pixels) + tiling.tile_pixels - 1) / tiling.tile_pixels;
  const auto blocks = std::min<std::int64_t>((tiles + tiling.teams - 1) / tiling.teams, multiprocessors);
  launch(kName, convfirst_kernel<T, Tile>,
         {.grid = static_cast<unsigned>(blocks),
          .block = static_cast<unsigned>(tiling.teams * tiling.team_warps * kLanes),
          .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)},
         place, arguments);
}

template <class T>
void run(Cuda place, const ConvFirstForward<T>& a) {
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    dispatch<kConvFirstWidths[kIndex]...>(
        "channels", convfirst_padded_channels(a.x.template extent<C>().value),
        [&]<int kChannels>() { start<T, TileOf<kChannels>>(place, arguments_of(a), a.shared_memory_limit); });
  }
  (std::make_integer_sequence<int, static_cast<int>(std::size(kConvFirstWidths))>{});
}

}  // namespace cf::kernels::convfirst_portable

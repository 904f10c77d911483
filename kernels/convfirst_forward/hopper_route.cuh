// Starts the Hopper route of convfirst for one element type, where it applies.
#pragma once

#include <algorithm>

#include "kernels/base/device_attribute.cuh"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/hopper_kernel.cuh"

namespace cf::kernels::convfirst_hopper {

template <class T>
Arguments<T> arguments_of(const ConvFirstForward<T>& a, const HopperTile& tile, const HopperTiling& tiling) {
  const auto e = a.x.extents();
  const std::int64_t pixels = e[0] * e[1] * e[2], hidden = a.expand.template extent<E>().value;
  const std::int64_t channels = tile.channels, pixel_bytes = channels * 2, hidden_bytes = hidden * 2;
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
          .project = tensor_map<3>(
              a.project.data(),
              {{hidden, HopperTile::kChunk}, {channels, 2, hidden_bytes}, {4, 4, 8 * hidden_bytes}}),
          .conv = a.conv.data(),
          .conv_bias = a.conv_bias.data(),
          .expand_bias = a.expand_bias.data(),
          .project_bias = a.project_bias.data(),
          .y = a.y.data(),
          .hidden = static_cast<int>(hidden),
          .pixels = static_cast<std::uint32_t>(pixels),
          .height = static_cast<std::uint32_t>(e[1]),
          .width = static_cast<std::uint32_t>(e[2]),
          .tiling = tiling};
}

// False, and nothing started, where this GPU or these extents are not the route's.
template <class T, class Tile>
bool start(Cuda place, const ConvFirstForward<T>& a) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;
  if (!has_hopper_code<convfirst_hopper_kernel<T, Tile>>()) return false;
  const auto e = a.x.extents();
  const std::int64_t pixels = e[0] * e[1] * e[2];
  if (Tile::get().patches && (e[1] % HopperTile::kPatch != 0 || e[2] % HopperTile::kPatch != 0)) return false;
  const int multiprocessors = multiprocessors_of(place);
  const auto tiling = hopper_tiling(Tile::get(), pixels, e[2], a.expand.template extent<E>().value,
                                    shared_memory_of_block(a.shared_memory_limit), multiprocessors);
  if (tiling.shared_bytes == 0 || pixels > kMostPixels) return false;
  const std::int64_t tiles = (pixels + tiling.tile_pixels - 1) / tiling.tile_pixels;
  const auto blocks = std::min<std::int64_t>((tiles + tiling.teams - 1) / tiling.teams, multiprocessors);
  launch("convfirst forward", convfirst_hopper_kernel<T, Tile>,
         {.grid = static_cast<unsigned>(blocks),
          .block = static_cast<unsigned>(tiling.teams * kTeamThreads),
          .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)},
         place, arguments_of(a, Tile::get(), tiling));
  return true;
}

template <class T>
bool run(Cuda place, const ConvFirstForward<T>& a) {
  switch (a.x.template extent<C>().value) {
    case 32:
      return start<T, TileOf<32, true>>(place, a) || start<T, TileOf<32, false>>(place, a);
    case 64:
      return start<T, TileOf<64, true>>(place, a) || start<T, TileOf<64, false>>(place, a);
    case 128:
      return start<T, TileOf<128, false>>(place, a);
    default:
      return false;
  }
}

}  // namespace cf::kernels::convfirst_hopper

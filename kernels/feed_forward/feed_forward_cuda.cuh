// feed_forward at place Cuda: the kernels of the ConvFirst block without their convolution, by the Hopper
// route for 32, 64 and 128 channels, else by the portable one. Defined here, instantiated in a file for each
// element type.
#pragma once

#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/convfirst_forward/hopper_kernel.cuh"
#include "kernels/convfirst_forward/portable_kernel.cuh"
#include "kernels/feed_forward/feed_forward.h"
#include "kernels/feed_forward/feed_forward_check.h"

namespace cf::kernels {

namespace detail {

inline constexpr std::string_view kFeedForward = "feed_forward";

template <class T, int kChannels>
void run_portable(Cuda place, const FeedForward<T>& a) {
  using Tile = convfirst_portable::FeedForwardTileOf<kChannels>;
  const std::int64_t pixels = a.u.template extent<M>().value, channels = a.u.template extent<C>().value,
                     hidden = a.expand.template extent<E>().value;
  const int multiprocessors = multiprocessors_of(place);
  const std::int64_t limit = shared_memory_of_block(0);
  const auto tiling = convfirst_tiling(Tile::get(), {pixels, 0, hidden}, limit, multiprocessors);
  CF_CHECK_AS(ErrorKind::Usage, tiling.shared_bytes > 0, kFeedForward, ": C=", channels, " E=", hidden,
              " does not fit ", limit, " bytes of shared memory");
  const std::int64_t tiles = (pixels + tiling.tile_pixels - 1) / tiling.tile_pixels;
  const auto blocks = std::min<std::int64_t>((tiles + tiling.teams - 1) / tiling.teams, multiprocessors);
  launch(kFeedForward, convfirst_portable::convfirst_kernel<T, Tile>,
         {.grid = static_cast<unsigned>(blocks),
          .block = static_cast<unsigned>(tiling.teams * tiling.team_warps * convfirst_portable::kLanes),
          .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)},
         place,
         convfirst_portable::Arguments<T>{.x = a.u.data(),
                                          .conv = nullptr,
                                          .expand = a.expand.data(),
                                          .project = a.project.data(),
                                          .conv_bias = nullptr,
                                          .expand_bias = a.expand_bias.data(),
                                          .project_bias = nullptr,
                                          .y = a.p.data(),
                                          .channels = static_cast<int>(channels),
                                          .hidden = static_cast<int>(hidden),
                                          .pixels = static_cast<std::uint32_t>(pixels),
                                          .height = 1,
                                          .width = 0,
                                          .tiling = tiling});
}

template <class T>
convfirst_hopper::Arguments<T> hopper_arguments(const FeedForward<T>& a, const HopperTile& tile,
                                                const HopperTiling& tiling) {
  const std::int64_t pixels = a.u.template extent<M>().value, channels = tile.channels,
                     hidden = a.expand.template extent<E>().value;
  const std::int64_t pixel_bytes = channels * 2, hidden_bytes = hidden * 2;
  const int columns = tile.row_bytes() / 2;
  return {.x = tensor_map<2>(a.u.data(), {{channels, columns}, {pixels, tiling.run_pixels, pixel_bytes}}),
          .expand = tensor_map<2>(a.expand.data(),
                                  {{channels, columns}, {hidden, HopperTile::kChunk, pixel_bytes}}),
          .project = tensor_map<3>(
              a.project.data(),
              {{hidden, HopperTile::kChunk}, {channels, 2, hidden_bytes}, {4, 4, 8 * hidden_bytes}}),
          .conv = nullptr,
          .conv_bias = nullptr,
          .expand_bias = a.expand_bias.data(),
          .project_bias = nullptr,
          .y = a.p.data(),
          .hidden = static_cast<int>(hidden),
          .pixels = static_cast<std::uint32_t>(pixels),
          .height = 1,
          .width = 0,
          .tiling = tiling};
}

// False, and nothing started, where this GPU or these extents are not the route's.
template <class T, int kChannels>
bool run_on_hopper(Cuda place, const FeedForward<T>& a) {
  using Tile = convfirst_hopper::FeedForwardTileOf<kChannels>;
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;
  if (!has_hopper_code<convfirst_hopper::convfirst_hopper_kernel<T, Tile>>()) return false;
  const std::int64_t pixels = a.u.template extent<M>().value;
  const int multiprocessors = multiprocessors_of(place);
  const auto tiling = hopper_tiling(Tile::get(), pixels, 0, a.expand.template extent<E>().value,
                                    shared_memory_of_block(0), multiprocessors);
  if (tiling.shared_bytes == 0 || pixels > kMostPixels) return false;
  const std::int64_t tiles = (pixels + tiling.tile_pixels - 1) / tiling.tile_pixels;
  const auto blocks = std::min<std::int64_t>((tiles + tiling.teams - 1) / tiling.teams, multiprocessors);
  launch(kFeedForward, convfirst_hopper::convfirst_hopper_kernel<T, Tile>,
         {.grid = static_cast<unsigned>(blocks),
          .block = static_cast<unsigned>(tiling.teams * convfirst_hopper::kTeamThreads),
          .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)},
         place, hopper_arguments(a, Tile::get(), tiling));
  return true;
}

template <class T>
bool run_on_hopper(Cuda place, const FeedForward<T>& a) {
  switch (a.u.template extent<C>().value) {
    case 32:
      return run_on_hopper<T, 32>(place, a);
    case 64:
      return run_on_hopper<T, 64>(place, a);
    case 128:
      return run_on_hopper<T, 128>(place, a);
    default:
      return false;
  }
}

}  // namespace detail

template <class T>
void feed_forward(Cuda place, const FeedForward<T>& a) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 31;
  check(a);
  const auto channels = a.u.template extent<C>().value, hidden = a.expand.template extent<E>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels <= kConvFirstMostChannels && channels % 8 == 0, detail::kFeedForward,
              ": u has C=", channels, ", the GPU takes multiples of 8 up to ", kConvFirstMostChannels);
  CF_CHECK_AS(ErrorKind::Usage, hidden > 0 && hidden % 8 == 0, detail::kFeedForward,
              ": expand has E=", hidden, ", the GPU takes multiples of 8");
  CF_CHECK(a.u.template extent<M>().value < kMostPixels, detail::kFeedForward,
           ": u has too many rows for the GPU");
  CF_CHECK(aligned_to(16, a.u.data(), a.p.data(), a.expand.data(), a.project.data()), detail::kFeedForward,
           ": u, p and weights must be aligned to 16 bytes");
  if (a.p.size() == 0) return;
  if (!a.portable && detail::run_on_hopper(place, a)) return;
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    dispatch<kConvFirstWidths[kIndex]...>(
        "channels", convfirst_padded_channels(channels),
        [&]<int kChannels>() { detail::run_portable<T, kChannels>(place, a); });
  }
  (std::make_integer_sequence<int, static_cast<int>(std::size(kConvFirstWidths))>{});
}

}  // namespace cf::kernels

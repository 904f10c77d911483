// feed_forward at place Cuda: the kernels of the ConvFirst block without their convolution, by the route that
// feed_forward_route() names. Defined here, instantiated in a file for each element type.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/batch_norm/partial_moments.h"
#include "kernels/convfirst_forward/hopper_route.cuh"
#include "kernels/convfirst_forward/portable_route.cuh"
#include "kernels/feed_forward/feed_forward.h"
#include "kernels/feed_forward/feed_forward_check.h"

namespace cf::kernels {

namespace detail {

inline constexpr std::string_view kFeedForward = "feed_forward";

template <class T>
ConvFirstRoute route_of(Cuda place, const FeedForward<T>& a) {
  using Tile = convfirst_hopper::FeedForwardTileOf<64>;
  const ConvFirstLimits limits{
      .shared_memory = shared_memory_of_block(0),
      .multiprocessors = multiprocessors_of(place),
      .wgmma = has_hopper_code<convfirst_hopper::convfirst_hopper_kernel<T, Tile>>()};
  return feed_forward_route(a.u.template extent<M>().value, a.u.template extent<C>().value,
                            a.expand.template extent<E>().value, limits, a.portable);
}

template <class T>
void run_portable(Cuda place, const FeedForward<T>& a, const ConvFirstRoute& route) {
  const convfirst_portable::Arguments<T> arguments{
      .x = a.u.data(),
      .conv = nullptr,
      .expand = a.expand.data(),
      .project = a.project.data(),
      .conv_bias = nullptr,
      .expand_bias = a.expand_bias.data(),
      .project_bias = nullptr,
      .y = a.p.data(),
      .channels = static_cast<int>(route.channels),
      .hidden = static_cast<int>(a.expand.template extent<E>().value),
      .pixels = static_cast<std::uint32_t>(a.u.template extent<M>().value),
      .height = 1,
      .width = 0,
      .tiling = route.portable};
  convfirst_portable::dispatch_tile<convfirst_portable::FeedForwardTileOf>(route, [&]<class Tile>() {
    launch(kFeedForward, convfirst_portable::convfirst_kernel<T, Tile>, launch_shape(route), place,
           arguments);
  });
  if (a.mean) batch_norm(place, statistics_of(a));
}

template <class T>
convfirst_hopper::Arguments<T> hopper_arguments(const FeedForward<T>& a, const HopperTile& tile,
                                                const HopperTiling& tiling, float* moments) {
  const std::int64_t pixels = a.u.template extent<M>().value, channels = tile.channels,
                     hidden = a.expand.template extent<E>().value;
  const std::int64_t pixel_bytes = channels * 2;
  const int columns = tile.row_bytes() / 2;
  return {.x = tensor_map<2>(a.u.data(), {{channels, columns}, {pixels, tiling.run_pixels, pixel_bytes}}),
          .expand = tensor_map<2>(a.expand.data(),
                                  {{channels, columns}, {hidden, HopperTile::kChunk, pixel_bytes}}),
          .project = convfirst_hopper::project_map(a.project.data(), channels, hidden),
          .conv = nullptr,
          .conv_bias = nullptr,
          .expand_bias = a.expand_bias.data(),
          .project_bias = nullptr,
          .y = a.p.data(),
          .moments = moments,
          .hidden = static_cast<int>(hidden),
          .pixels = static_cast<std::uint32_t>(pixels),
          .height = 1,
          .width = 0,
          .tiling = tiling};
}

inline std::size_t moments_size(const ConvFirstRoute& route) {
  return static_cast<std::size_t>(partial_moments_size(route.blocks, route.channels));
}

template <class T>
void run_on_hopper(Cuda place, const FeedForward<T>& a, const ConvFirstRoute& route) {
  float* const moments =
      a.mean ? workspace_as<float>(kFeedForward, a.workspace, moments_size(route)) : nullptr;
  dispatch<32, 64, 128>("channels", static_cast<int>(route.channels), [&]<int kChannels>() {
    using Tile = convfirst_hopper::FeedForwardTileOf<kChannels>;
    launch(kFeedForward, convfirst_hopper::convfirst_hopper_kernel<T, Tile>, launch_shape(route), place,
           hopper_arguments(a, Tile::get(), route.hopper, moments));
  });
  if (moments == nullptr) return;
  join_moments(place, kFeedForward, {moments, route.blocks, static_cast<int>(route.channels)}, a.mean.data(),
               a.variance.data());
}

}  // namespace detail

template <class T>
void feed_forward(Cuda place, const FeedForward<T>& a) {
  check(a);
  const auto channels = a.u.template extent<C>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels % 8 == 0, detail::kFeedForward, ": u has C=", channels,
              ", the GPU takes multiples of 8");
  CF_CHECK(aligned_to(16, a.u.data(), a.p.data(), a.expand.data(), a.project.data()), detail::kFeedForward,
           ": u, p and weights must be aligned to 16 bytes");
  if (a.p.size() == 0) return;
  const ConvFirstRoute route = detail::route_of(place, a);
  switch (route.kind) {
    case ConvFirstRoute::Kind::Hopper:
      return detail::run_on_hopper(place, a, route);
    case ConvFirstRoute::Kind::Portable:
      return detail::run_portable(place, a, route);
    case ConvFirstRoute::Kind::None:
      fail(ErrorKind::Usage, detail::kFeedForward, ": ", route.why_none);
  }
}

template <class T>
std::size_t workspace_bytes(Cuda place, const FeedForward<T>& a) {
  if (!a.mean) return 0;
  const ConvFirstRoute route = detail::route_of(place, a);
  if (route.kind != ConvFirstRoute::Kind::Hopper) return workspace_bytes(place, detail::statistics_of(a));
  return detail::moments_size(route) * sizeof(float);
}

}  // namespace cf::kernels

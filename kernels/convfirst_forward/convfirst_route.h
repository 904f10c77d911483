// Which kernel place Cuda runs a convfirst with, and how its work is cut: decided on the host from extents
// and the GPU's limits alone, so that it can be told, and tested, without a GPU.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "kernels/base/check.h"
#include "kernels/base/place.h"
#include "kernels/convfirst_forward/hopper_tiling.h"
#include "kernels/convfirst_forward/portable_tiling.h"

namespace cf::kernels {

struct ConvFirstExtents {
  std::int64_t n, h, w, channels, hidden;

  std::int64_t pixels() const { return n * h * w; }
};

struct ConvFirstLimits {
  std::int64_t shared_memory = 0;  // bytes that a block may take
  int multiprocessors = 0;         // that a kernel may use
  bool wgmma = false;              // the GPU has compute capability 9.0, and this build machine code for it
};

struct ConvFirstRoute {
  enum class Kind { None, Portable, Hopper };

  Kind kind = Kind::None;
  std::string why_none;
  std::int64_t channels = 0;
  bool patches = false;      // of the Hopper route
  HopperTiling hopper;       // where it is that route
  ConvFirstTiling portable;  // where it is the other
  int tile_pixels = 0, block_threads = 0, blocks = 0, shared_bytes = 0;
};

// Of the current GPU, for T Half or BFloat16. `shared_memory_limit`: bytes that a block may take at most; 0:
// what the GPU grants.
template <class T>
ConvFirstLimits convfirst_limits(Cuda, std::int64_t shared_memory_limit = 0);

// Of a thread of the kernel that a route starts on the current GPU.
template <class T>
int convfirst_registers(const ConvFirstRoute& route);

namespace detail {

constexpr int blocks_of(std::int64_t pixels, int tile_pixels, int teams, int multiprocessors) {
  const std::int64_t tiles = (pixels + tile_pixels - 1) / tile_pixels;
  return static_cast<int>(std::min<std::int64_t>((tiles + teams - 1) / teams, multiprocessors));
}

// False where these extents are not the Hopper route's.
inline bool find_hopper_route(const ConvFirstExtents& e, const ConvFirstLimits& limits,
                              ConvFirstRoute& route) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;
  constexpr int kTeamThreads = 128;
  if (!limits.wgmma || e.pixels() > kMostPixels) return false;
  if (e.channels != 32 && e.channels != 64 && e.channels != 128) return false;
  const bool whole_patches = e.h % HopperTile::kPatch == 0 && e.w % HopperTile::kPatch == 0;
  for (const bool patches : {true, false}) {
    if (patches && (e.channels == 128 || !whole_patches)) continue;
    const auto tile = hopper_tile(static_cast<int>(e.channels), patches);
    const auto t =
        hopper_tiling(tile, e.pixels(), e.w, e.hidden, limits.shared_memory, limits.multiprocessors);
    if (t.shared_bytes == 0) continue;
    route.kind = ConvFirstRoute::Kind::Hopper;
    route.patches = patches;
    route.hopper = t;
    route.tile_pixels = t.tile_pixels;
    route.block_threads = t.teams * kTeamThreads;
    route.blocks = blocks_of(e.pixels(), t.tile_pixels, t.teams, limits.multiprocessors);
    route.shared_bytes = t.shared_bytes;
    return true;
  }
  return false;
}

}  // namespace detail

// `portable_only`: what compute capability 8.0 has. Extents must be positive.
inline ConvFirstRoute convfirst_route(const ConvFirstExtents& e, const ConvFirstLimits& limits,
                                      bool portable_only = false) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 31;
  constexpr int kWarpThreads = 32;
  ConvFirstRoute route;
  route.channels = e.channels;
  const auto none = [&](std::string why) {
    route.why_none = std::move(why);
    return route;
  };
  if (e.channels > kConvFirstMostChannels) {
    return none(concat("C=", e.channels, ", the GPU takes at most ", kConvFirstMostChannels));
  }
  if (e.hidden <= 0 || e.hidden % 8 != 0) {
    return none(concat("E=", e.hidden, ", the GPU takes multiples of 8"));
  }
  if (e.pixels() >= kMostPixels) return none("too many pixels for the GPU");
  if (!portable_only && detail::find_hopper_route(e, limits, route)) return route;
  const auto tile = convfirst_tile(convfirst_padded_channels(e.channels));
  const auto t =
      convfirst_tiling(tile, {e.pixels(), e.w, e.hidden}, limits.shared_memory, limits.multiprocessors);
  if (t.shared_bytes == 0) {
    return none(concat("C=", e.channels, " E=", e.hidden, " does not fit ", limits.shared_memory,
                       " bytes of shared memory"));
  }
  route.kind = ConvFirstRoute::Kind::Portable;
  route.portable = t;
  route.tile_pixels = t.tile_pixels;
  route.block_threads = t.teams * t.team_warps * kWarpThreads;
  route.blocks = detail::blocks_of(e.pixels(), t.tile_pixels, t.teams, limits.multiprocessors);
  route.shared_bytes = t.shared_bytes;
  return route;
}

}  // namespace cf::kernels

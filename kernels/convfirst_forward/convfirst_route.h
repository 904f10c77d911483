// Which kernel place Cuda runs a convfirst or a feed_forward with, and how its work is cut: decided on the
// host from extents and the GPU's limits alone, so that it can be told, and tested, without a GPU.
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

namespace detail {

constexpr int blocks_of(std::int64_t pixels, int tile_pixels, int teams, int multiprocessors) {
  const std::int64_t tiles = (pixels + tile_pixels - 1) / tile_pixels;
  return static_cast<int>(std::min<std::int64_t>((tiles + teams - 1) / teams, multiprocessors));
}

// Without a convolution the pixels have no neighbours, and their rows no width.
struct RouteProblem {
  std::int64_t pixels, height, width, channels, hidden;
  bool convolves;
};

// False where these extents are not the Hopper route's.
inline bool find_hopper_route(const RouteProblem& p, const ConvFirstLimits& limits, ConvFirstRoute& route) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;
  constexpr int kTeamThreads = 128;
  if (!limits.wgmma || p.pixels > kMostPixels) return false;
  if (p.channels != 32 && p.channels != 64 && p.channels != 128) return false;
  const auto channels = static_cast<int>(p.channels);
  const bool whole_patches =
      p.convolves && p.height % HopperTile::kPatch == 0 && p.width % HopperTile::kPatch == 0;
  for (const bool patches : {true, false}) {
    if (patches && (channels == 128 || !whole_patches)) continue;
    const auto tile = p.convolves ? hopper_tile(channels, patches) : feed_forward_hopper_tile(channels);
    const auto t =
        hopper_tiling(tile, p.pixels, p.width, p.hidden, limits.shared_memory, limits.multiprocessors);
    if (t.shared_bytes == 0) continue;
    route.kind = ConvFirstRoute::Kind::Hopper;
    route.patches = patches;
    route.hopper = t;
    route.tile_pixels = t.tile_pixels;
    route.block_threads = t.teams * kTeamThreads;
    route.blocks = blocks_of(p.pixels, t.tile_pixels, t.teams, limits.multiprocessors);
    route.shared_bytes = t.shared_bytes;
    return true;
  }
  return false;
}

inline ConvFirstRoute find_route(const RouteProblem& p, const ConvFirstLimits& limits, bool portable_only) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 31;
  constexpr int kWarpThreads = 32;
  ConvFirstRoute route;
  route.channels = p.channels;
  const auto none = [&](std::string why) {
    route.why_none = std::move(why);
    return route;
  };
  if (p.channels > kConvFirstMostChannels) {
    return none(concat("C=", p.channels, ", the GPU takes at most ", kConvFirstMostChannels));
  }
  if (p.hidden <= 0 || p.hidden % 8 != 0) {
    return none(concat("E=", p.hidden, ", the GPU takes multiples of 8"));
  }
  if (p.pixels >= kMostPixels) return none("too many pixels for the GPU");
  if (!portable_only && find_hopper_route(p, limits, route)) return route;
  const int padded = convfirst_padded_channels(p.channels);
  const auto tile = p.convolves ? convfirst_tile(padded) : feed_forward_tile(padded);
  const auto t =
      convfirst_tiling(tile, {p.pixels, p.width, p.hidden}, limits.shared_memory, limits.multiprocessors);
  if (t.shared_bytes == 0) {
    return none(concat("C=", p.channels, " E=", p.hidden, " does not fit ", limits.shared_memory,
                       " bytes of shared memory"));
  }
  route.kind = ConvFirstRoute::Kind::Portable;
  route.portable = t;
  route.tile_pixels = t.tile_pixels;
  route.block_threads = t.teams * t.team_warps * kWarpThreads;
  route.blocks = blocks_of(p.pixels, t.tile_pixels, t.teams, limits.multiprocessors);
  route.shared_bytes = t.shared_bytes;
  return route;
}

}  // namespace detail

// `portable_only`: what compute capability 8.0 has. Extents must be positive.
inline ConvFirstRoute convfirst_route(const ConvFirstExtents& e, const ConvFirstLimits& limits,
                                      bool portable_only = false) {
  return detail::find_route({e.pixels(), e.h, e.w, e.channels, e.hidden, true}, limits, portable_only);
}

// The same for feed_forward, of so many pixels.
inline ConvFirstRoute feed_forward_route(std::int64_t pixels, std::int64_t channels, std::int64_t hidden,
                                         const ConvFirstLimits& limits, bool portable_only = false) {
  return detail::find_route({pixels, 1, 0, channels, hidden, false}, limits, portable_only);
}

}  // namespace cf::kernels

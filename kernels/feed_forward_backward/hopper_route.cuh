// Starts the Hopper route of feed_forward's backward pass for one element type, where it applies.
#pragma once

#include <algorithm>

#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/feed_forward_backward/arguments.h"
#include "kernels/feed_forward_backward/hopper_input_kernel.cuh"
#include "kernels/feed_forward_backward/hopper_weights_kernel.cuh"

namespace cf::kernels::feed_forward_backward {

// What the extents say; the GPU is asked when the kernels are started.
inline bool fits_hopper(const Extents& e) {
  if (e.channels != 32 && e.channels != 64 && e.channels != 128) return false;
  const WeightsTile tile = weights_tile(e.channels);
  return tile.with_input ? e.hidden <= tile.hidden()
                         : InputLayout(input_tile(e.channels), e.hidden).end <= kHopperSharedBytes;
}

struct HopperCut {
  int tiles, groups, slices;  // of the sums over pixels

  HopperCut(Cuda place, const Extents& e)
      : tiles(blocks_of(e.pixels, weights_tile(e.channels).pixels)),
        groups(blocks_of(e.hidden, weights_tile(e.channels).hidden())),
        slices(slice_count(place, groups, tiles)) {}
};

inline std::size_t hopper_bytes(Cuda place, const Extents& e) {
  if (!fits_hopper(e)) return 0;
  return sizeof(float) * PartialSums::floats(HopperCut(place, e).slices, e.hidden, e.channels);
}

// Maps of a matrix [rows][columns] for boxes of `box_rows` rows.
template <class T>
CUtensorMap matrix_map(const T* data, int rows, int columns, int box_rows, int box_columns) {
  return tensor_map<2>(data, {{columns, box_columns}, {rows, box_rows, std::int64_t{2} * columns}});
}

template <class T, class Tile>
void start_weights(Cuda place, const FeedForwardBackward<T>& a, const Extents& e,
                   const PartialSums& partial) {
  constexpr WeightsTile kTile = Tile::get();
  constexpr int kColumns = kTile.row_bytes() / 2;
  const HopperCut cut(place, e);
  const auto pixels = [&](const T* data) {
    return matrix_map(data, e.pixels, e.channels, kTile.pixels, kColumns);
  };
  launch(kName, weights_kernel<T, Tile>,
         {.grid = static_cast<unsigned>(cut.groups * cut.slices),
          .block = static_cast<unsigned>(kTile.threads()),
          .shared_bytes = static_cast<std::size_t>(kTile.shared_bytes())},
         place,
         WeightsArguments<T>{
             .u = pixels(a.u.data()),
             .dp = pixels(a.dp.data()),
             .du = pixels(a.du.data()),
             .expand = matrix_map(a.expand.data(), e.hidden, e.channels, kTeamRows, kColumns),
             .project = matrix_map(a.project.data(), e.channels, e.hidden, e.channels, kTeamRows),
             .expand_values = a.expand.data(),
             .project_values = a.project.data(),
             .expand_bias = a.expand_bias.data(),
             .partial = partial,
             .tiles = cut.tiles,
             .groups = cut.groups});
}

template <class T, class Tile>
void start_input(Cuda place, const FeedForwardBackward<T>& a, const Extents& e) {
  constexpr InputTile kTile = Tile::get();
  constexpr int kColumns = kTile.row_bytes() / 2;
  const int tiles = blocks_of(e.pixels, kTile.pixels());
  const auto pixels = [&](const T* data) {
    return matrix_map(data, e.pixels, e.channels, kTeamRows, kColumns);
  };
  launch(
      kName, input_kernel<T, Tile>,
      {.grid = static_cast<unsigned>(std::min(tiles, multiprocessors_of(place))),
       .block = static_cast<unsigned>(kTile.threads()),
       .shared_bytes = static_cast<std::size_t>(InputLayout(kTile, e.hidden).end)},
      place,
      InputArguments{.u = pixels(a.u.data()),
                     .dp = pixels(a.dp.data()),
                     .du = pixels(a.du.data()),
                     .expand = matrix_map(a.expand.data(), e.hidden, e.channels, kTile.chunk, kColumns),
                     .project = matrix_map(a.project.data(), e.channels, e.hidden, e.channels, kTile.chunk),
                     .expand_bias = a.expand_bias.data(),
                     .tiles = tiles,
                     .hidden = e.hidden});
}

template <class T, int kChannels>
bool run_hopper(Cuda place, const FeedForwardBackward<T>& a) {
  using Weights = WeightsTileOf<kChannels>;
  if (!has_hopper_code<weights_kernel<T, Weights>>()) return false;
  const Extents e(a);
  const int slices = HopperCut(place, e).slices;
  const PartialSums partial(
      workspace_as<float>(kName, a.workspace, PartialSums::floats(slices, e.hidden, e.channels)), slices,
      e.hidden, e.channels);
  if constexpr (!Weights::get().with_input) start_input<T, InputTileOf<kChannels>>(place, a, e);
  start_weights<T, Weights>(place, a, e, partial);
  add_partial_sums(place, partial, gradients_of(a));
  return true;
}

// False, and nothing started, where this GPU or these extents are not the route's.
template <class T>
bool run_hopper(Cuda place, const FeedForwardBackward<T>& a) {
  const Extents e(a);
  if (!fits_hopper(e) || e.pixels == 0) return false;
  bool started = false;
  dispatch<32, 64, 128>("channels", e.channels,
                        [&]<int kChannels>() { started = run_hopper<T, kChannels>(place, a); });
  return started;
}

}  // namespace cf::kernels::feed_forward_backward

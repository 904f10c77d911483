// Starts the portable route of feed_forward's backward pass for one element type.
#pragma once

#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/feed_forward_backward/arguments.h"
#include "kernels/feed_forward_backward/portable_kernel.cuh"

namespace cf::kernels::feed_forward_backward {

constexpr int padded_channels(int channels) {
  for (const int width : {16, 32, 64, 96, 128, 192}) {
    if (channels <= width) return width;
  }
  return 0;
}

inline int portable_slices(Cuda place, const Extents& e) {
  const PortableTile tile = portable_tile(padded_channels(e.channels));
  return slice_count(place, blocks_of(e.hidden, tile.rows()), blocks_of(e.pixels, tile.columns));
}

// Workspace: project transposed, then the partial sums.
inline std::size_t transposed_bytes(const Extents& e) {
  return padded_bytes(std::size_t{2} * static_cast<std::size_t>(e.hidden) *
                      static_cast<std::size_t>(e.channels));
}
inline std::size_t portable_bytes(Cuda place, const Extents& e) {
  return transposed_bytes(e) +
         sizeof(float) * PartialSums::floats(portable_slices(place, e), e.hidden, e.channels);
}

template <class T, class Tile, Role kRole>
void start_portable(Cuda place, const PortableArguments<T>& arguments) {
  const int pieces = blocks_of(arguments.rows.count, Tile::get().rows()) *
                     (kRole == Role::Weights ? arguments.partial.slices : 1);
  constexpr int kBlocksEach = 2;  // of a multiprocessor, where its registers and shared memory allow
  launch(kName, portable_kernel<T, Tile, kRole>,
         {.grid = static_cast<unsigned>(std::min(pieces, kBlocksEach * multiprocessors_of(place))),
          .block = static_cast<unsigned>(Tile::get().warps * 32),
          .shared_bytes = static_cast<std::size_t>(Tile::get().shared_bytes())},
         place, arguments);
}

template <class T>
void run_portable(Cuda place, const FeedForwardBackward<T>& a) {
  const Extents e(a);
  auto* transposed =
      reinterpret_cast<T*>(workspace_as<std::byte>(kName, a.workspace, portable_bytes(place, e)));
  const PartialSums partial(reinterpret_cast<float*>(a.workspace.data() + transposed_bytes(e)),
                            portable_slices(place, e), e.hidden, e.channels);
  constexpr int kThreads = 256;
  launch(kName, transpose_kernel<T>,
         {.grid = static_cast<unsigned>(blocks_of(e.hidden * e.channels, kThreads)), .block = kThreads},
         place, a.project.data(), e.channels, e.hidden, transposed);
  const Operands<T> pixels{a.u.data(), a.dp.data(), e.pixels}, weights{a.expand.data(), transposed, e.hidden};
  const auto arguments = [&](const Operands<T>& rows, const Operands<T>& columns) {
    return PortableArguments<T>{.rows = rows,
                                .columns = columns,
                                .expand_bias = a.expand_bias.data(),
                                .du = a.du.data(),
                                .partial = partial,
                                .channels = e.channels};
  };
  dispatch<16, 32, 64, 96, 128, 192>("padded channels", padded_channels(e.channels), [&]<int kChannels>() {
    using Tile = PortableTileOf<kChannels>;
    start_portable<T, Tile, Role::Input>(place, arguments(pixels, weights));
    start_portable<T, Tile, Role::Weights>(place, arguments(weights, pixels));
  });
  add_partial_sums(place, partial, gradients_of(a));
}

}  // namespace cf::kernels::feed_forward_backward

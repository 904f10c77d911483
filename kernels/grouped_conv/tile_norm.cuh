// What a tile of grouped_conv goes through between its copy into shared memory and its products.
#pragma once

#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/pixel_tiles.cuh"

namespace cf::kernels {

struct NoTileNorm {
  template <class T>
  __device__ void apply(const PixelTiles&, const Pixel&, const T*, int, const PackWalk&, int, uint4*) const {}
};

// activation(scale x + shift), each thread on the packs that it copied: nothing else waits for it than the
// barrier behind the copies.
template <Activation kActivation>
struct TileNorm {
  static constexpr Activation kKind = kActivation;
  const float *scale, *shift;  // [C]

  // Arguments as copy_tile, and the slab's first channel.
  template <class T>
  __device__ void apply(const PixelTiles& tiles, const Pixel& origin, const T* image, int first_channel,
                        const PackWalk& walk, int rows, uint4* slots) const {
    float scales[kGroupWidth], shifts[kGroupWidth];
    load_floats(scale + first_channel + walk.group * kGroupWidth, scales);
    load_floats(shift + first_channel + walk.group * kGroupWidth, shifts);
    T* const to = reinterpret_cast<T*>(slots + walk.column * tiles.pitch() + walk.group);
    const int row_size = tiles.slot_columns() * tiles.pitch() * kGroupWidth;
    wait_for_copies();
    tiles.for_each_row(origin, image, 1, walk, rows, [&](int row, const T*, bool inside) {
      if (!inside) return;
      float value[kGroupWidth];
      load_floats(to + row * row_size, value);
#pragma unroll
      for (int i = 0; i < kGroupWidth; ++i) {
        value[i] = device::activate<kActivation>(scales[i] * value[i] + shifts[i]);
      }
      store_floats(to + row * row_size, value);
    });
  }
};

// body(norm) with what the arguments ask for.
template <class T, class Body>
void dispatch_tile_norm(std::string_view kernel, const InputNorm<T>& norm, const Body& body) {
  if (!norm) return body(NoTileNorm{});
  CF_CHECK(aligned_to(16, norm.scale.data(), norm.shift.data()), kernel,
           ": scale and shift of the norm must be aligned to 16 bytes");
  dispatch_activation(norm.activation, [&]<Activation kActivation>() {
    body(TileNorm<kActivation>{norm.scale.data(), norm.shift.data()});
  });
}

}  // namespace cf::kernels

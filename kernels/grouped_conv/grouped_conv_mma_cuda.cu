// Forward and backward input in 16-bit types. A block copies a tile of a slab into shared memory; each of its
// warps convolves one group, and the outputs go from there to memory, whole lines at a time.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"

namespace cf::kernels {

namespace {

// Outputs lie in the slots of their rows and columns. They go to memory as they are.
struct Overwrite {
  static constexpr int kBlocksPerSm = 4;  // leaves 64 registers

  int packs(const PixelTiles&) const { return 0; }
  template <class T>
  __device__ void start(const PixelTiles&, const Pixel&, const T*, const PackWalk&, uint4*) const {}
  __device__ void wait_for_tile() const { wait_for_copies(); }

  template <class T>
  __device__ void store(const PixelTiles& tiles, const Pixel& origin, const uint4* slots, const uint4*,
                        const PackWalk& walk, T* image) const {
    const uint4* const from = slots + walk.column * tiles.pitch() + walk.group;
    const int row_packs = tiles.slot_columns() * tiles.pitch();
    tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, T* to, bool inside) {
      if (inside) *reinterpret_cast<uint4*>(to) = from[row * row_packs];
    });
  }
};

// They are added to what memory holds, which comes to shared memory while the tile is convolved; each thread
// adds what it has copied itself.
struct AddToKept {
  static constexpr int kBlocksPerSm = 3;  // for the shared memory of 14 x 14 pixels

  KeptSamples samples;

  int packs(const PixelTiles& tiles) const {
    return tiles.even_rows() * tiles.slot_columns() * tiles.pitch();
  }
  template <class T>
  __device__ void start(const PixelTiles& tiles, const Pixel& origin, const T* image, const PackWalk& walk,
                        uint4* sums) const {
    commit_copies();  // of the tile
    const std::uint32_t to = shared_address(sums + walk.column * tiles.pitch() + walk.group);
    const auto row_bytes = static_cast<std::uint32_t>(tiles.slot_columns() * tiles.pitch() * 16);
    tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, const T* from, bool inside) {
      if (inside) {
        copy_async_16(to + static_cast<std::uint32_t>(row) * row_bytes,
                      from + samples.distance(tiles, origin, row), true);
      }
    });
    commit_copies();
  }
  __device__ void wait_for_tile() const { wait_for_copies<1>(); }

  template <class T>
  __device__ void store(const PixelTiles& tiles, const Pixel& origin, const uint4* slots, const uint4* sums,
                        const PackWalk& walk, T* image) const {
    const int first = walk.column * tiles.pitch() + walk.group;
    const int row_packs = tiles.slot_columns() * tiles.pitch();
    const auto floats_of = [](const uint4* packs, float(&value)[kGroupWidth]) {
      load_floats(reinterpret_cast<const T*>(packs), value);
    };
    wait_for_copies();
    tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, T* to, bool inside) {
      if (!inside) return;
      float sum[kGroupWidth], output[kGroupWidth];
      floats_of(sums + first + row * row_packs, sum);
      floats_of(slots + first + row * row_packs, output);
#pragma unroll
      for (int i = 0; i < kGroupWidth; ++i) sum[i] += output[i];
      store_floats(to + samples.distance(tiles, origin, row), sum);
    });
  }
};

// Of a tile's slots and the warps' dumps, which what outputs are added to follows.
CF_HOST_DEVICE inline int packs_of_tile(const PixelTiles& tiles) {
  return tiles.slots() * tiles.pitch() + PixelTiles::kGroups * kDumpRows;
}

// Grid: tiles x slabs, slabs first. `bias` may be null.
template <Direction direction, Activation kActivation, class T, class Norm, class Samples, class Store>
__global__ void __launch_bounds__(PixelTiles::kThreads, Store::kBlocksPerSm)
    convolve_tile_kernel(PixelTiles tiles, const T* in, Samples samples, Norm norm, const T* weight,
                         const float* bias, Store store, T* out) {
  extern __shared__ uint4 slots[];
  int slab = 0;
  const Pixel origin = tiles.origin(tiles.tile_of_block(static_cast<int>(blockIdx.x), slab));
  const int groups = tiles.slab_groups(slab), first_channel = slab * PixelTiles::kGroups * kGroupWidth;
  const PackWalk walk = tiles.slot_walk(groups);
  copy_tile(tiles, origin, in + first_channel, walk, tiles.even_rows() + 2, slots, samples);
  uint4* const sums = slots + packs_of_tile(tiles);
  store.start(tiles, origin, out + first_channel, walk, sums);

  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  std::uint32_t taps[3][3];
  float start = 0;
  if (warp < groups) {
    if (bias != nullptr) start = bias[first_channel + warp * kGroupWidth + lane / 4];
    load_taps<direction>(weight + std::int64_t{slab * PixelTiles::kGroups + warp} * kFilter, lane, taps);
  }
  norm.apply(tiles, origin, in + first_channel, first_channel, walk, tiles.even_rows() + 2, slots);
  store.wait_for_tile();
  __syncthreads();
  if (warp < groups) {
    uint4* const dump = slots + tiles.slots() * tiles.pitch() + warp * kDumpRows;
    convolve_group<kActivation, T>(tiles, make_filter(taps, start), warp, lane, slots, dump);
  }
  __syncthreads();
  store.store(tiles, origin, slots, sums, walk, out + first_channel);
}

// What a convolution does beside convolving.
template <class Norm = NoTileNorm, class Samples = AllSamples, class Store = Overwrite>
struct Around {
  Norm norm = {};
  Samples samples = {};  // of the input
  Store store = {};
};

template <Direction direction, Activation kActivation, class T, class Norm, class Samples, class Store>
void convolve(std::string_view name, Cuda place, const View<const T, K, R, S, C>& weight,
              const PixelTiles& tiles, const T* in, const float* bias, T* out,
              const Around<Norm, Samples, Store>& around) {
  CF_CHECK(aligned_to(16, in, out), name, ": images must be aligned to 16 bytes");
  const std::int64_t blocks = std::int64_t{tiles.count()} * tiles.slabs();
  CF_CHECK(blocks < std::int64_t{1} << 31, name, ": ", blocks, " tiles are too many for the GPU");
  launch(name, convolve_tile_kernel<direction, kActivation, T, Norm, Samples, Store>,
         {.grid = static_cast<unsigned>(blocks),
          .block = PixelTiles::kThreads,
          .shared_bytes =
              static_cast<std::size_t>(packs_of_tile(tiles) + around.store.packs(tiles)) * sizeof(uint4)},
         place, tiles, in, around.samples, around.norm, weight.data(), bias, around.store, out);
}

template <class Image>
PixelTiles tiles_of(const Image& image) {
  const auto& extents = image.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

}  // namespace

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvForward<T>& a) {
  constexpr auto kName = "grouped_conv forward";
  const auto run = [&]<Activation kActivation>(const auto& around) {
    convolve<Direction::Forward, kActivation>(kName, place, a.weight, tiles_of(a.y), a.x.data(),
                                              a.bias.data(), a.y.data(), around);
  };
  if (a.norm) {
    return dispatch_tile_norm(kName, a.norm, [&]<class Norm>(const Norm& norm) {
      run.template operator()<Activation::None>(Around<Norm>{.norm = norm});
    });
  }
  dispatch_activation(a.activation, [&]<Activation kActivation>() {
    if constexpr (kActivation == Activation::None) {
      if (a.kept) {
        return run.template operator()<kActivation>(
            Around<NoTileNorm, KeptSamples>{.samples = kept_samples(a.kept, a.x)});
      }
    }
    run.template operator()<kActivation>(Around<>{});
  });
}

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvBackwardInput<T>& a) {
  const auto run = [&](const auto& around) {
    convolve<Direction::BackwardInput, Activation::None>("grouped_conv backward input", place, a.weight,
                                                         tiles_of(a.dy), a.dy.data(), nullptr, a.dx.data(),
                                                         around);
  };
  if (!a.adds) return run(Around<>{});
  run(Around<NoTileNorm, AllSamples, AddToKept>{.store = {kept_samples(a.kept, a.dx)}});
}

#define CF_INSTANTIATE(T)                                            \
  template void convolve_by_mma(Cuda, const GroupedConvForward<T>&); \
  template void convolve_by_mma(Cuda, const GroupedConvBackwardInput<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

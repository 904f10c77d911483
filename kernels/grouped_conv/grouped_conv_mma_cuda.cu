// Forward and backward input in 16-bit types. A block copies a tile of a slab into shared memory; each of its
// warps convolves one group, and the outputs go from there to memory, whole lines at a time.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"
#include "kernels/grouped_conv/tile_store.cuh"

namespace cf::kernels {

namespace {

// Of a tile's slots and the warps' dumps, which what outputs are added to follows.
CF_HOST_DEVICE inline int packs_of_tile(const PixelTiles& tiles) {
  return tiles.slots() * tiles.pitch() + PixelTiles::kGroups * kDumpRows;
}

// 4 leave 64 registers; 3 are for the shared memory of 14 x 14 pixels and of what these are added to.
template <class Store>
constexpr int kBlocksPerSm = Store::kReads ? 3 : 4;

// Grid: tiles x slabs, slabs first. `bias` may be null.
template <Direction direction, Activation kActivation, class T, class Norm, class Samples, class Store>
__global__ void __launch_bounds__(PixelTiles::kThreads, kBlocksPerSm<Store>)
    convolve_tile_kernel(PixelTiles tiles, const T* in, Samples samples, Norm norm, const T* weight,
                         const float* bias, Store store, T* out) {
  extern __shared__ uint4 slots[];
  int slab = 0;
  const Pixel origin = tiles.origin(tiles.tile_of_block(static_cast<int>(blockIdx.x), slab));
  const int groups = tiles.slab_groups(slab), first_channel = slab * PixelTiles::kGroups * kGroupWidth;
  const PackWalk walk = tiles.slot_walk(groups);
  copy_tile(tiles, origin, in + first_channel, walk, tiles.even_rows() + 2, slots, samples);
  uint4* const sums = slots + packs_of_tile(tiles);
  store.start(tiles, origin, first_channel, walk, tiles.slot_columns(), sums);

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
  store.store(tiles, origin, slots, sums, walk, tiles.slot_columns(), out + first_channel);
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
              static_cast<std::size_t>(packs_of_tile(tiles) + Store::packs(tiles, tiles.slot_columns())) *
              sizeof(uint4)},
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
  if (!a.added) return run(Around<>{});
  CF_CHECK(aligned_to(16, a.added.data()), "grouped_conv backward input: images must be aligned to 16 bytes");
  run(Around<NoTileNorm, AllSamples, AddToKept<T>>{.store = {kept_samples(a.kept, a.dx), a.added.data()}});
}

#define CF_INSTANTIATE(T)                                            \
  template void convolve_by_mma(Cuda, const GroupedConvForward<T>&); \
  template void convolve_by_mma(Cuda, const GroupedConvBackwardInput<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

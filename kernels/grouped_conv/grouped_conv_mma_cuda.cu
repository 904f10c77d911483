// Forward and backward input in 16-bit types. A block copies a tile of a slab into shared memory; each of its
// warps convolves one group, and the outputs go from there to memory, whole lines at a time.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"

namespace cf::kernels {

namespace {

constexpr int kBlocksPerSm = 4;  // leaves 64 registers

// Outputs lie in the slots of their rows and columns.
template <class T>
__device__ void store_tile(const PixelTiles& tiles, const Pixel& origin, const uint4* slots,
                           const PackWalk& walk, T* image) {
  const uint4* const from = slots + walk.column * tiles.pitch() + walk.group;
  const int row_packs = tiles.slot_columns() * tiles.pitch();
  tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, T* to, bool inside) {
    if (inside) *reinterpret_cast<uint4*>(to) = from[row * row_packs];
  });
}

// Grid: tiles x slabs, slabs first. `bias` may be null.
template <Direction direction, Activation kActivation, class T, class Norm>
__global__ void __launch_bounds__(PixelTiles::kThreads, kBlocksPerSm)
    convolve_tile_kernel(PixelTiles tiles, const T* in, Norm norm, const T* weight, const float* bias,
                         T* out) {
  extern __shared__ uint4 slots[];
  int slab = 0;
  const Pixel origin = tiles.origin(tiles.tile_of_block(static_cast<int>(blockIdx.x), slab));
  const int groups = tiles.slab_groups(slab), first_channel = slab * PixelTiles::kGroups * kGroupWidth;
  const PackWalk walk = tiles.slot_walk(groups);
  copy_tile(tiles, origin, in + first_channel, walk, tiles.even_rows() + 2, slots);

  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  std::uint32_t taps[3][3];
  float start = 0;
  if (warp < groups) {
    if (bias != nullptr) start = bias[first_channel + warp * kGroupWidth + lane / 4];
    load_taps<direction>(weight + std::int64_t{slab * PixelTiles::kGroups + warp} * kFilter, lane, taps);
  }
  norm.apply(tiles, origin, in + first_channel, first_channel, walk, tiles.even_rows() + 2, slots);
  wait_for_copies();
  __syncthreads();
  if (warp < groups) {
    uint4* const dump = slots + tiles.slots() * tiles.pitch() + warp * kDumpRows;
    convolve_group<kActivation, T>(tiles, make_filter(taps, start), warp, lane, slots, dump);
  }
  __syncthreads();
  store_tile(tiles, origin, slots, walk, out + first_channel);
}

template <Direction direction, Activation kActivation, class T, class Norm = NoTileNorm>
void convolve(std::string_view name, Cuda place, const View<const T, K, R, S, C>& weight,
              const PixelTiles& tiles, const T* in, const float* bias, T* out, const Norm& norm = {}) {
  CF_CHECK(aligned_to(16, in, out), name, ": images must be aligned to 16 bytes");
  const std::int64_t blocks = std::int64_t{tiles.count()} * tiles.slabs();
  CF_CHECK(blocks < std::int64_t{1} << 31, name, ": ", blocks, " tiles are too many for the GPU");
  launch(name, convolve_tile_kernel<direction, kActivation, T, Norm>,
         {.grid = static_cast<unsigned>(blocks),
          .block = PixelTiles::kThreads,
          .shared_bytes =
              static_cast<std::size_t>(tiles.slots() * tiles.pitch() + PixelTiles::kGroups * kDumpRows) *
              sizeof(uint4)},
         place, tiles, in, norm, weight.data(), bias, out);
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
  if (a.norm) {
    return dispatch_tile_norm(kName, a.norm, [&](const auto& norm) {
      convolve<Direction::Forward, Activation::None>(kName, place, a.weight, tiles_of(a.x), a.x.data(),
                                                     a.bias.data(), a.y.data(), norm);
    });
  }
  dispatch_activation(a.activation, [&]<Activation kActivation>() {
    convolve<Direction::Forward, kActivation>(kName, place, a.weight, tiles_of(a.x), a.x.data(),
                                              a.bias.data(), a.y.data());
  });
}

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvBackwardInput<T>& a) {
  convolve<Direction::BackwardInput, Activation::None>("grouped_conv backward input", place, a.weight,
                                                       tiles_of(a.dx), a.dy.data(), nullptr, a.dx.data());
}

#define CF_INSTANTIATE(T)                                            \
  template void convolve_by_mma(Cuda, const GroupedConvForward<T>&); \
  template void convolve_by_mma(Cuda, const GroupedConvBackwardInput<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

// Both gradients in 16-bit types; float32 goes part by part, as does a GPU that grants a block less shared
// memory. A block goes through its share of the tiles of a slab, dy in slots, x as pixels: it sums the
// products of both for the filter's gradient, then convolves dy in place and stores dx. The next tile's dy
// comes meanwhile to other slots, and x to the pixels as soon as these are free: behind the sums, or where dx
// is added to something, which takes their place, behind the store. The blocks' sums are added in order by
// another kernel.
#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_store.cuh"
#include "kernels/grouped_conv/tile_weight_sums.cuh"
#include "kernels/grouped_conv/turned_filter.cuh"

namespace cf::kernels {

namespace {

// Of shared memory: two tiles of slots, the pixels, the warps' dumps.
inline std::size_t bytes_of_both(const PixelTiles& tiles) {
  const int packs = 2 * packs_of_slots(tiles) + packs_of_runs(tiles) + PixelTiles::kGroups * kDumpRows;
  return static_cast<std::size_t>(packs) * sizeof(uint4);
}

// Grid: (slabs, chunks). partial: [chunks, K, 3, 3, 8].
template <class T, class Samples, class Store>
__global__ void __launch_bounds__(PixelTiles::kThreads, kSumBlocksPerSm)
    conv_backward_kernel(PixelTiles tiles, const T* x, Samples samples, const T* weight, const T* dy,
                         Store store, T* dx, std::int64_t elements, float* partial) {
  extern __shared__ uint4 slots[];
  uint4 *dy_slots = slots, *next_slots = slots + packs_of_slots(tiles);
  uint4* const pixels = next_slots + packs_of_slots(tiles);
  const int slab = static_cast<int>(blockIdx.x), groups = tiles.slab_groups(slab);
  const int first_group = slab * PixelTiles::kGroups, first_channel = first_group * kGroupWidth;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const PackWalk slot_walk = tiles.slot_walk(groups), pixel_walk = tiles.run_walk(groups);
  const auto copy_dy = [&](int tile, uint4* to) {
    if (tile >= tiles.count()) return;
    copy_tile(tiles, tiles.origin(tile), dy + first_channel, slot_walk, tiles.slot_rows(), to);
  };
  const auto copy_x = [&](int tile) {
    if (tile >= tiles.count()) return;
    copy_runs(tiles, tiles.origin(tile), x + first_channel, pixel_walk, pixels, samples);
  };
  const int chunk = static_cast<int>(blockIdx.y), chunks = static_cast<int>(gridDim.y);
  LaneSums total = {};
  copy_dy(chunk, dy_slots);
  copy_x(chunk);
  for (int tile = chunk; tile < tiles.count(); tile += chunks) {
    wait_for_copies();
    __syncthreads();
    copy_dy(tile + chunks, next_slots);
    if (warp < groups) {
      TileSums of_tile = {};
      add_tile<T>(tiles, dy_slots, pixels, warp, lane, of_tile);
      add_sums(of_tile, total);
    }
    __syncthreads();
    if constexpr (!Store::kReads) copy_x(tile + chunks);
    store.start(tiles, tiles.origin(tile), first_channel, pixel_walk, tiles.run_columns(), pixels);
    if (warp < groups) {
      std::uint32_t taps[3][3];
      load_taps<Direction::BackwardInput>(weight + std::int64_t{first_group + warp} * kFilter, lane, taps);
      uint4* const dump = pixels + packs_of_runs(tiles) + warp * kDumpRows;
      convolve_group<Activation::None, T>(tiles, make_filter(taps, 0), warp, lane, dy_slots, dump);
    }
    __syncthreads();
    store.store(tiles, tiles.origin(tile), dy_slots, pixels, pixel_walk, tiles.run_columns(),
                dx + first_channel);
    if constexpr (Store::kReads) copy_x(tile + chunks);
    uint4* const free_slots = dy_slots;
    dy_slots = next_slots;
    next_slots = free_slots;
  }
  if (warp >= groups) return;
  store_turned_filter(total, lane, partial + chunk * elements + std::int64_t{first_group + warp} * kFilter);
}

template <class T>
PixelTiles tiles_of(const GroupedConvBackward<T>& a) {
  const auto& extents = a.dy.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

template <class T>
void convolve_back(Cuda place, const GroupedConvBackward<T>& a) {
  constexpr auto kName = "grouped_conv backward";
  CF_CHECK(aligned_to(16, a.x.data(), a.dy.data(), a.added.data(), a.dx.data()), kName,
           ": images must be aligned to 16 bytes");
  const PixelTiles tiles = tiles_of(a);
  const std::int64_t chunks = chunks_of(tiles), elements = a.dweight.size();
  float* const partial = workspace_as<float>(kName, a.workspace, static_cast<std::size_t>(chunks * elements));
  const LaunchShape shape{.grid = {static_cast<unsigned>(tiles.slabs()), static_cast<unsigned>(chunks)},
                          .block = PixelTiles::kThreads,
                          .shared_bytes = bytes_of_both(tiles)};
  const auto run = [&]<class Samples, class Store>(const Samples& samples, const Store& store) {
    launch(kName, conv_backward_kernel<T, Samples, Store>, shape, place, tiles, a.x.data(), samples,
           a.weight.data(), a.dy.data(), store, a.dx.data(), elements, partial);
  };
  if (a.added) {
    run(kept_samples(a.kept, a.x), AddToKept<T>{kept_samples(a.kept, a.dx), a.added.data()});
  } else {
    run(AllSamples{}, Overwrite{});
  }
  add_weight_chunks(place, partial, chunks, elements, a.accumulate, a.dweight.data());
}

template <class T>
bool fits_in_shared_memory(const GroupedConvBackward<T>& a) {
  return bytes_of_both(tiles_of(a)) <= static_cast<std::size_t>(shared_memory_of_block(0));
}

}  // namespace

template <class T>
void grouped_conv(Cuda place, const GroupedConvBackward<T>& a) {
  check(a);
  if constexpr (!std::is_same_v<T, float>) {
    if (fits_in_shared_memory(a)) return convolve_back(place, a);
  }
  detail::run_parts(place, a);
}

template <class T>
std::size_t workspace_bytes(Cuda place, const GroupedConvBackward<T>& a) {
  return detail::bytes_of_parts(place, a);  // of 16-bit types, as much as the filter's gradient asks for
}

#define CF_INSTANTIATE(T)                                          \
  template void grouped_conv(Cuda, const GroupedConvBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const GroupedConvBackward<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

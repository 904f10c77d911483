// Backward weight in 16-bit types. A block goes through its share of the tiles of a slab; each of its warps
// has one group, with x in slots and dy as pixels (tile_weight_sums.cuh). The sums of each tile are added to
// those of the tiles before in float; the blocks' sums are added in order by a second kernel.
#include "kernels/base/alignment.h"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"
#include "kernels/grouped_conv/tile_weight_sums.cuh"

namespace cf::kernels {

namespace {

constexpr int kTaps = 9, kFilter = kTaps * kGroupWidth * kGroupWidth;

// The sums of a group as [8, 3, 3, 8].
__device__ inline void store_filter(const LaneSums& total, int lane, float* to) {
  to += lane / 4 * kTaps * kGroupWidth + lane % 4 * 2;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) store_floats(to + tap * kGroupWidth, total[tap]);
}

// Grid: (slabs, chunks). partial: [chunks, K, 3, 3, 8].
template <class T, class Norm, class Samples>
__global__ void __launch_bounds__(PixelTiles::kThreads, kSumBlocksPerSm)
    sum_tiles_by_mma_kernel(PixelTiles tiles, const T* x, Samples samples, Norm norm, const T* dy,
                            std::int64_t elements, float* partial) {
  extern __shared__ uint4 slots[];
  uint4* const dy_slots = slots + packs_of_slots(tiles);
  const int slab = static_cast<int>(blockIdx.x), groups = tiles.slab_groups(slab);
  const int first_group = slab * PixelTiles::kGroups, first_channel = first_group * kGroupWidth;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const PackWalk x_walk = tiles.slot_walk(groups), dy_walk = tiles.run_walk(groups);
  LaneSums total = {};
  for (int tile = static_cast<int>(blockIdx.y); tile < tiles.count(); tile += static_cast<int>(gridDim.y)) {
    const Pixel origin = tiles.origin(tile);
    copy_tile(tiles, origin, x + first_channel, x_walk, tiles.slot_rows(), slots, samples);
    copy_runs(tiles, origin, dy + first_channel, dy_walk, dy_slots);
    norm.apply(tiles, origin, x + first_channel, first_channel, x_walk, tiles.slot_rows(), slots);
    wait_for_copies();
    __syncthreads();
    if (warp < groups) {
      TileSums sums = {};
      add_tile<T>(tiles, slots, dy_slots, warp, lane, sums);
      add_sums(sums, total);
    }
    __syncthreads();
  }
  if (warp >= groups) return;
  store_filter(total, lane, partial + blockIdx.y * elements + std::int64_t{first_group + warp} * kFilter);
}

constexpr int kElements = 32;  // of dweight a block: a multiple of 32 in all

// dweight[i] = accumulate dweight[i] + sum over the chunks, by blockDim.y lanes each.
__global__ void __launch_bounds__(1024)
    add_chunks_by_lanes_kernel(const float* partial, int chunks, std::int64_t elements, float accumulate,
                               float* dweight) {
  __shared__ float shared[32][kElements];
  const std::int64_t i = std::int64_t{blockIdx.x} * kElements + threadIdx.x;
  const int lane = static_cast<int>(threadIdx.y), lanes = static_cast<int>(blockDim.y);
  float sum = 0;
#pragma unroll 8
  for (int chunk = lane; chunk < chunks; chunk += lanes) sum += partial[chunk * elements + i];
  shared[lane][threadIdx.x] = sum;
  __syncthreads();
  if (lane != 0) return;
  for (int other = 1; other < lanes; ++other) sum += shared[other][threadIdx.x];
  dweight[i] = accumulate == 0 ? sum : accumulate * dweight[i] + sum;
}

template <class T>
PixelTiles tiles_of(const GroupedConvBackwardWeight<T>& a) {
  const auto& extents = a.dy.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

}  // namespace

void add_weight_chunks(Cuda place, const float* partial, std::int64_t chunks, std::int64_t elements,
                       float accumulate, float* dweight) {
  const unsigned lanes = chunks > 64 ? 32 : chunks > 8 ? 8 : 1;
  launch("grouped_conv backward weight, sum of chunks", add_chunks_by_lanes_kernel,
         {.grid = static_cast<unsigned>(elements / kElements), .block = {kElements, lanes}}, place, partial,
         static_cast<int>(chunks), elements, accumulate, dweight);
}

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvBackwardWeight<T>& a) {
  constexpr auto kName = "grouped_conv backward weight";
  CF_CHECK(aligned_to(16, a.x.data(), a.dy.data()), kName, ": images must be aligned to 16 bytes");
  const PixelTiles tiles = tiles_of(a);
  const std::int64_t chunks = chunks_of(tiles), elements = a.dweight.size();
  float* partial = workspace_as<float>(kName, a.workspace, static_cast<std::size_t>(chunks * elements));
  const LaunchShape shape{
      .grid = {static_cast<unsigned>(tiles.slabs()), static_cast<unsigned>(chunks)},
      .block = PixelTiles::kThreads,
      .shared_bytes = static_cast<std::size_t>(packs_of_slots(tiles) + packs_of_runs(tiles)) * sizeof(uint4)};
  const auto run = [&]<class Norm, class Samples>(const Norm& norm, const Samples& samples) {
    launch(kName, sum_tiles_by_mma_kernel<T, Norm, Samples>, shape, place, tiles, a.x.data(), samples, norm,
           a.dy.data(), elements, partial);
  };
  if (a.kept) {
    run(NoTileNorm{}, kept_samples(a.kept, a.x));
  } else {
    dispatch_tile_norm(kName, a.norm, [&](const auto& norm) { run(norm, AllSamples{}); });
  }
  add_weight_chunks(place, partial, chunks, elements, a.accumulate, a.dweight.data());
}

template <class T>
std::size_t workspace_bytes_by_mma(const GroupedConvBackwardWeight<T>& a) {
  return static_cast<std::size_t>(chunks_of(tiles_of(a)) * a.dweight.size()) * sizeof(float);
}

#define CF_INSTANTIATE(T)                                                   \
  template void convolve_by_mma(Cuda, const GroupedConvBackwardWeight<T>&); \
  template std::size_t workspace_bytes_by_mma(const GroupedConvBackwardWeight<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

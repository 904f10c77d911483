// Backward weight in 16-bit types. A block goes through its share of the tiles of a slab; each of its warps
// has one group and takes a run of 8 slots in two rows of x at a time: products of depth 16 whose rows are
// the 8 channels of dy and whose columns those of x. Their upper half is of the row of dy at the slots',
// which is tap row 0, their lower half of the row above, tap row 1; another product has tap row 2. The sums
// of each tile are added to those of the tiles before in float; the blocks' sums are added in order by a
// second kernel.
#include "kernels/base/alignment.h"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"

namespace cf::kernels {

namespace {

constexpr int kTaps = 9, kFilter = kTaps * kGroupWidth * kGroupWidth;
constexpr int kBlocksPerSm = 2;
constexpr std::int64_t kBlocks = 132 * kBlocksPerSm;  // at most; the same on every GPU, for the same sums

// The memory of a tile in packs: the slots of x, then the outputs' gradients, runs of pixels row by row.
CF_HOST_DEVICE int packs_of_x(const PixelTiles& tiles) {
  return tiles.slot_rows() * tiles.slot_columns() * tiles.pitch();
}
CF_HOST_DEVICE int packs_of_tile(const PixelTiles& tiles) {
  return packs_of_x(tiles) + tiles.even_rows() * tiles.run_columns() * tiles.pitch();
}

// Starts copying the outputs' gradients of the tile; zeros where no output of this tile lies, so that what
// the taps read there counts nothing.
template <class T>
__device__ void copy_gradients(const PixelTiles& tiles, const Pixel& origin, const T* image,
                               const PackWalk& walk, uint4* slots) {
  const std::uint32_t to = shared_address(slots + walk.column * tiles.pitch() + walk.group);
  const auto row_bytes = static_cast<std::uint32_t>(tiles.run_columns() * tiles.pitch() * 16);
  tiles.for_each_row(origin, image, 0, walk, tiles.even_rows(), [&](int row, const T* from, bool inside) {
    copy_async_16(to + static_cast<std::uint32_t>(row) * row_bytes, from, inside);
  });
}

// For the taps (., s) of each s: tap rows 0 and 1, and tap row 2 with an empty lower half.
struct TileSums {
  float first_two[3][4], last[3][4];
};

// Two rows of x, in order tap column 0: upper and lower row, tap column 1, tap column 2; and of dy.
struct TwoRows {
  std::uint32_t x[6], dy[2];
};

// `before`: the two rows of dy above.
template <class T>
__device__ void add_two_rows(const TwoRows& rows, const std::uint32_t (&before)[2], TileSums& sums) {
  const MatrixA first_two{rows.dy[0], before[1], rows.dy[1], rows.dy[0]}, last{before[0], 0, before[1], 0};
#pragma unroll
  for (int s = 0; s < 3; ++s) {
    multiply_add<T>(sums.first_two[s], first_two, rows.x[2 * s], rows.x[2 * s + 1]);
    multiply_add<T>(sums.last[s], last, rows.x[2 * s], rows.x[2 * s + 1]);
  }
}

template <class T>
__device__ void add_tile(const PixelTiles& tiles, const uint4* x, const uint4* dy, int group, int lane,
                         TileSums& sums) {
  const int pitch = tiles.pitch(), columns = tiles.slot_columns(), runs = tiles.run_columns();
  const auto pack_row = static_cast<std::uint32_t>(pitch * 16);
  const int matrix = lane / 8, row = matrix % 2, pixel = lane % 8;
  const bool reads_dy = matrix >= 2;
  const auto x_address = [&](int s) {
    return shared_address(x + (row * columns + s + pixel) * pitch + group);
  };
  const std::uint32_t x_step = 2 * columns * pack_row, dy_step = 2 * runs * pack_row;
  const std::uint32_t first_four = x_address(matrix / 2);
  const std::uint32_t others =
      reads_dy ? shared_address(dy + (row * runs + pixel) * pitch + group) : x_address(2);
  const std::uint32_t others_step = reads_dy ? dy_step : x_step;
#pragma unroll 1
  for (int column = 0; column < tiles.columns(); column += PixelTiles::kRun) {
    std::uint32_t at = first_four + column * pack_row, also_at = others + column * pack_row;
    TwoRows rows;
    std::uint32_t before[2] = {0, 0};
#pragma unroll 2
    for (int slot_row = 0; slot_row < tiles.even_rows(); slot_row += 2) {
      load_matrices<Rows::AsColumns>(at, rows.x[0], rows.x[1], rows.x[2], rows.x[3]);
      load_matrices<Rows::AsColumns>(also_at, rows.x[4], rows.x[5], rows.dy[0], rows.dy[1]);
      at += x_step;
      also_at += others_step;
      add_two_rows<T>(rows, before, sums);
      before[0] = rows.dy[0];
      before[1] = rows.dy[1];
    }
    load_matrices<Rows::AsColumns>(at, rows.x[0], rows.x[1], rows.x[2], rows.x[3]);
    load_matrices<Rows::AsColumns>(also_at, rows.x[4], rows.x[5]);
    rows.dy[0] = rows.dy[1] = 0;
    add_two_rows<T>(rows, before, sums);
  }
}

// The sums of a lane over all tiles: of output channel lane / 4 and two channels of x, by tap.
using LaneSums = float[kTaps][2];

__device__ inline void add_sums(const TileSums& tile, LaneSums& total) {
#pragma unroll
  for (int s = 0; s < 3; ++s) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      total[s][i] += tile.first_two[s][i];
      total[3 + s][i] += tile.first_two[s][2 + i];
      total[6 + s][i] += tile.last[s][i];
    }
  }
}

// The sums of a group as [8, 3, 3, 8].
__device__ inline void store_filter(const LaneSums& total, int lane, float* to) {
  to += lane / 4 * kTaps * kGroupWidth + lane % 4 * 2;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) store_floats(to + tap * kGroupWidth, total[tap]);
}

// Grid: (slabs, chunks). partial: [chunks, K, 3, 3, 8].
template <class T, class Norm>
__global__ void __launch_bounds__(PixelTiles::kThreads, kBlocksPerSm)
    sum_tiles_by_mma_kernel(PixelTiles tiles, const T* x, Norm norm, const T* dy, std::int64_t elements,
                            float* partial) {
  extern __shared__ uint4 slots[];
  uint4* const dy_slots = slots + packs_of_x(tiles);
  const int slab = static_cast<int>(blockIdx.x), groups = tiles.slab_groups(slab);
  const int first_group = slab * PixelTiles::kGroups, first_channel = first_group * kGroupWidth;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const PackWalk x_walk = tiles.slot_walk(groups), dy_walk = tiles.run_walk(groups);
  LaneSums total = {};
  for (int tile = static_cast<int>(blockIdx.y); tile < tiles.count(); tile += static_cast<int>(gridDim.y)) {
    const Pixel origin = tiles.origin(tile);
    copy_tile(tiles, origin, x + first_channel, x_walk, tiles.slot_rows(), slots);
    copy_gradients(tiles, origin, dy + first_channel, dy_walk, dy_slots);
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
  const auto& extents = a.x.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

// Blocks of a slab: as many as fit, each with the same number of tiles as far as possible.
std::int64_t chunks_of(const PixelTiles& tiles) {
  const std::int64_t most = std::max<std::int64_t>(1, kBlocks / std::max(1, tiles.slabs()));
  const std::int64_t tiles_of_block = std::max<std::int64_t>(1, (tiles.count() + most - 1) / most);
  return std::max<std::int64_t>(1, (tiles.count() + tiles_of_block - 1) / tiles_of_block);
}

}  // namespace

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvBackwardWeight<T>& a) {
  constexpr auto kName = "grouped_conv backward weight";
  CF_CHECK(aligned_to(16, a.x.data(), a.dy.data()), kName, ": images must be aligned to 16 bytes");
  const PixelTiles tiles = tiles_of(a);
  const std::int64_t chunks = chunks_of(tiles), elements = a.dweight.size();
  float* partial = workspace_as<float>(kName, a.workspace, static_cast<std::size_t>(chunks * elements));
  const LaunchShape shape{.grid = {static_cast<unsigned>(tiles.slabs()), static_cast<unsigned>(chunks)},
                          .block = PixelTiles::kThreads,
                          .shared_bytes = static_cast<std::size_t>(packs_of_tile(tiles)) * sizeof(uint4)};
  dispatch_tile_norm(kName, a.norm, [&]<class Norm>(const Norm& norm) {
    launch(kName, sum_tiles_by_mma_kernel<T, Norm>, shape, place, tiles, a.x.data(), norm, a.dy.data(),
           elements, partial);
  });
  const unsigned lanes = chunks > 64 ? 32 : chunks > 8 ? 8 : 1;
  launch("grouped_conv backward weight, sum of chunks", add_chunks_by_lanes_kernel,
         {.grid = static_cast<unsigned>(elements / kElements), .block = {kElements, lanes}}, place, partial,
         static_cast<int>(chunks), elements, a.accumulate, a.dweight.data());
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

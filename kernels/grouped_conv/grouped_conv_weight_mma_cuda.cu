// Backward weight in 16-bit types. A block goes through its share of the tiles of a slab; each of its warps
// has one group and takes a run of 8 pixels in two rows at a time: products of depth 16 whose rows are the 8
// channels of x at two taps and whose columns are those of dy. The sums of each tile are added to those of
// the tiles before in float; the blocks' sums are added in order by a second kernel.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"

namespace cf::kernels {

namespace {

constexpr int kTaps = 9, kTapPairs = 5, kFilter = kTaps * kGroupWidth * kGroupWidth;
constexpr int kBlocksPerSm = 3;                       // by shared memory, at 14 x 14 pixels
constexpr std::int64_t kBlocks = 132 * kBlocksPerSm;  // at most; the same on every GPU, for the same sums

// The sums of two taps: channel of x of a tap by channel of dy.
using TapPair = float[4];
using SlotRow = std::uint32_t[3];

// Starts copying the outputs' gradients of the tile, runs of pixels row by row; zeros where no output of this
// tile lies, so that what the taps read there counts nothing.
template <class T>
__device__ void copy_gradients(const PixelTiles& tiles, const Pixel& origin, const T* image, int groups,
                               uint4* slots) {
  const std::uint32_t to = shared_address(slots);
  const int columns = tiles.run_columns();
  for_each_pack_of_slots(tiles.even_rows() * columns, groups, [&](int slot, int group) {
    const int row = tiles.run_row(slot), column = slot - row * columns;
    Pixel pixel;
    const bool inside = tiles.output_pixel(origin, row, column, pixel);
    const T* from = inside ? image + tiles.offset(pixel) + group * kGroupWidth : image;
    copy_async_16(to + static_cast<std::uint32_t>((slot * tiles.pitch() + group) * 16), from, inside);
  });
}

// sum[pair] += the products of 16 pixels.
template <class T>
__device__ void add_run(const SlotRow (&in)[4], std::uint32_t upper, std::uint32_t lower,
                        TapPair (&sum)[kTapPairs]) {
#pragma unroll
  for (int pair = 0; pair < kTapPairs; ++pair) {
    const int r = 2 * pair / 3, s = 2 * pair % 3, next_r = (2 * pair + 1) / 3, next_s = (2 * pair + 1) % 3;
    const bool has_next = 2 * pair + 1 < kTaps;
    const MatrixA channels{in[r][s], has_next ? in[next_r % 3][next_s] : 0, in[r + 1][s],
                           has_next ? in[next_r % 3 + 1][next_s] : 0};
    multiply_add<T>(sum[pair], channels, upper, lower);
  }
}

template <class T>
__device__ void add_tile(const PixelTiles& tiles, const uint4* x, const uint4* dy, int group, int lane,
                         TapPair (&sum)[kTapPairs]) {
  const int pitch = tiles.pitch(), columns = tiles.slot_columns();
  const std::uint32_t pack_row = static_cast<std::uint32_t>(pitch * 16);
  const std::uint32_t x_step = static_cast<std::uint32_t>(2 * columns) * pack_row,
                      dy_step = static_cast<std::uint32_t>(2 * tiles.run_columns()) * pack_row;
  // Of two rows of slots of x the matrices are row 0: taps 0, 1, 2, row 1: taps 0, 1, 2. The last two of them
  // come together with the two rows of dy that belong to the rows of x before.
  const int matrix = lane / 8, pixel = lane % 8;
  const auto x_address = [&](int i) {
    return shared_address(x + (i / 3 * columns + i % 3 + pixel) * pitch + group);
  };
  const bool reads_dy = matrix >= 2;
  const std::uint32_t first_four = x_address(matrix), last_two = x_address(4 + matrix % 2);
  const std::uint32_t dy_start =
      shared_address(dy + (matrix % 2 * tiles.run_columns() + pixel) * pitch + group);
  for (int column = 0; column < tiles.columns(); column += PixelTiles::kRun) {
    const std::uint32_t offset = static_cast<std::uint32_t>(column) * pack_row;
    SlotRow in[4];
    load_matrices<Rows::AsColumns>(first_four + offset, in[0][0], in[0][1], in[0][2], in[1][0]);
    load_matrices<Rows::AsColumns>(last_two + offset, in[1][1], in[1][2]);
    std::uint32_t at = first_four + offset + x_step,
                  also_at = (reads_dy ? dy_start : last_two + x_step) + offset;
#pragma unroll 2
    for (int row = 0; row < tiles.even_rows(); row += 2) {
      std::uint32_t upper, lower;
      load_matrices<Rows::AsColumns>(at, in[2][0], in[2][1], in[2][2], in[3][0]);
      load_matrices<Rows::AsColumns>(also_at, in[3][1], in[3][2], upper, lower);
      at += x_step;
      also_at += reads_dy ? dy_step : x_step;
      add_run<T>(in, upper, lower, sum);
#pragma unroll
      for (int s = 0; s < 3; ++s) {
        in[0][s] = in[2][s];
        in[1][s] = in[3][s];
      }
    }
  }
}

// The sums of a group as [8, 3, 3, 8].
__device__ void store_filter(const TapPair (&sum)[kTapPairs], int lane, float* to) {
  const int c = lane / 4, k = lane % 4 * 2;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      to[((k + i) * kTaps + tap) * kGroupWidth + c] = sum[tap / 2][tap % 2 * 2 + i];
    }
  }
}

// Grid: (slabs, chunks). partial: [chunks, K, 3, 3, 8].
template <class T>
__global__ void __launch_bounds__(PixelTiles::kThreads, kBlocksPerSm)
    sum_tiles_by_mma_kernel(PixelTiles tiles, const T* x, const T* dy, std::int64_t elements,
                            float* partial) {
  extern __shared__ uint4 slots[];
  uint4* const dy_slots = slots + tiles.slots() * tiles.pitch();
  const int slab = static_cast<int>(blockIdx.x), groups = tiles.slab_groups(slab);
  const int first_group = slab * PixelTiles::kGroups, first_channel = first_group * kGroupWidth;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  TapPair total[kTapPairs] = {};
  for (std::int64_t tile = blockIdx.y; tile < tiles.count(); tile += gridDim.y) {
    const Pixel origin = tiles.origin(tile);
    copy_tile(tiles, origin, x + first_channel, groups, slots);
    copy_gradients(tiles, origin, dy + first_channel, groups, dy_slots);
    wait_for_copies();
    __syncthreads();
    if (warp < groups) {
      TapPair sum[kTapPairs] = {};
      add_tile<T>(tiles, slots, dy_slots, warp, lane, sum);
#pragma unroll
      for (int pair = 0; pair < kTapPairs; ++pair) {
#pragma unroll
        for (int i = 0; i < 4; ++i) total[pair][i] += sum[pair][i];
      }
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
  const int slots = tiles.slots() + tiles.even_rows() * tiles.run_columns();
  launch(kName, sum_tiles_by_mma_kernel<T>,
         {.grid = {static_cast<unsigned>(tiles.slabs()), static_cast<unsigned>(chunks)},
          .block = PixelTiles::kThreads,
          .shared_bytes = static_cast<std::size_t>(slots * tiles.pitch()) * sizeof(uint4)},
         place, tiles, a.x.data(), a.dy.data(), elements, partial);
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

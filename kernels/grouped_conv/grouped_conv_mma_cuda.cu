// Forward and backward input in 16-bit types. A block copies a tile of a slab into shared memory; each of its
// warps convolves one group, a run of 8 pixels in two rows at a time: 16 rows of a product whose depth is 9
// taps of 8 channels. Going down the rows, a run reads two new rows of slots only. The outputs go where the
// taps have been read already, and from there to memory, whole lines at a time.
#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"

namespace cf::kernels {

namespace {

constexpr int kTaps = 9, kFilter = kTaps * kGroupWidth * kGroupWidth;
constexpr int kBlocksPerSm = 5;  // leaves 48 registers; shared memory allows 6 at 14 x 14 pixels

enum class Direction { Forward, BackwardInput };

// One register for each tap: rows 2t and 2t + 1 (channels read) of column g (channel written) of its 8 x 8
// matrix. Backward the taps are turned by 180 degrees and the channels change sides.
template <Direction direction, class T>
__device__ void load_filter(const T* weight, int lane, std::uint32_t (&filter)[kTaps]) {
  const int column = lane / 4, row = lane % 4 * 2;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    const auto at = [&](int read, int written) {
      return direction == Direction::Forward
                 ? weight[(written * kTaps + tap) * kGroupWidth + read].bits
                 : weight[(read * kTaps + kTaps - 1 - tap) * kGroupWidth + written].bits;
    };
    filter[tap] = at(row, column) | static_cast<std::uint32_t>(at(row + 1, column)) << 16;
  }
}

// The matrices of a row of slots for the three taps of a row.
using SlotRow = std::uint32_t[3];

// The outputs of a run in two rows, from four rows of slots.
template <class T>
__device__ void convolve_run(const SlotRow (&in)[4], const std::uint32_t (&filter)[kTaps], float (&sum)[4]) {
  float other[4] = {};  // two chains of products instead of one twice as long
#pragma unroll
  for (int tap = 0; tap + 1 < kTaps; tap += 2) {
    const int r = tap / 3, s = tap % 3, next_r = (tap + 1) / 3, next_s = (tap + 1) % 3;
    multiply_add<T>(tap % 4 == 0 ? sum : other,
                    {in[r][s], in[r + 1][s], in[next_r][next_s], in[next_r + 1][next_s]}, filter[tap],
                    filter[tap + 1]);
  }
  multiply_add<T>(sum, in[2][2], in[3][2], filter[kTaps - 1]);
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] += other[i];
}

template <class T>
__device__ void convolve_group(const PixelTiles& tiles, const std::uint32_t (&filter)[kTaps], int group,
                               int lane, uint4* slots) {
  const int pitch = tiles.pitch(), columns = tiles.slot_columns();
  const std::uint32_t two_rows = static_cast<std::uint32_t>(2 * columns * pitch * 16);
  // Of two rows of slots the matrices are row 0: taps 0, 1, 2, row 1: taps 0, 1, 2.
  const auto address = [&](int matrix) {
    return shared_address(slots + (matrix / 3 * columns + matrix % 3 + lane % 8) * pitch + group);
  };
  const std::uint32_t first_four = address(lane / 8), last_two = address(4 + lane / 8 % 2);
  for (int column = 0; column < tiles.columns(); column += PixelTiles::kRun) {
    const bool is_output = column + lane / 4 < tiles.columns();
    std::uint32_t offset = static_cast<std::uint32_t>(column * pitch * 16);
    auto* to = reinterpret_cast<std::uint32_t*>(slots + (column + lane / 4) * pitch + group) + lane % 4;
    SlotRow in[4];
    const auto load = [&](SlotRow& upper, SlotRow& lower) {
      load_matrices<Rows::AsRows>(first_four + offset, upper[0], upper[1], upper[2], lower[0]);
      load_matrices<Rows::AsRows>(last_two + offset, lower[1], lower[2]);
      offset += two_rows;
    };
    load(in[0], in[1]);
#pragma unroll 2
    for (int row = 0; row < tiles.even_rows(); row += 2) {
      load(in[2], in[3]);
      float sum[4] = {};
      convolve_run<T>(in, filter, sum);
      __syncwarp();  // all lanes have read the slots that are written now
      if (is_output) {
        to[0] = round_pair<T>(sum[0], sum[1]);
        to[columns * pitch * 4] = round_pair<T>(sum[2], sum[3]);
      }
      to += two_rows / 4;
#pragma unroll
      for (int s = 0; s < 3; ++s) {
        in[0][s] = in[2][s];
        in[1][s] = in[3][s];
      }
    }
  }
}

// Outputs lie in the slots of their rows and columns.
template <class T>
__device__ void store_tile(const PixelTiles& tiles, const Pixel& origin, const uint4* slots, int groups,
                           T* image) {
  for_each_pack_of_slots(tiles.even_rows() * tiles.slot_columns(), groups, [&](int slot, int group) {
    const int row = tiles.slot_row(slot), column = slot - row * tiles.slot_columns();
    Pixel pixel;
    if (!tiles.output_pixel(origin, row, column, pixel)) return;
    *reinterpret_cast<uint4*>(image + tiles.offset(pixel) + group * kGroupWidth) =
        slots[slot * tiles.pitch() + group];
  });
}

// Grid: tiles x slabs, slabs first.
template <Direction direction, class T>
__global__ void __launch_bounds__(PixelTiles::kThreads, kBlocksPerSm)
    convolve_tile_kernel(PixelTiles tiles, const T* in, const T* weight, T* out) {
  extern __shared__ uint4 slots[];
  const unsigned slabs = static_cast<unsigned>(tiles.slabs());
  const int slab = static_cast<int>(blockIdx.x % slabs), groups = tiles.slab_groups(slab);
  const int first_channel = slab * PixelTiles::kGroups * kGroupWidth;
  const Pixel origin = tiles.origin(blockIdx.x / slabs);
  copy_tile(tiles, origin, in + first_channel, groups, slots);

  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  std::uint32_t filter[kTaps];
  if (warp < groups) {
    load_filter<direction>(weight + std::int64_t{slab * PixelTiles::kGroups + warp} * kFilter, lane, filter);
  }
  wait_for_copies();
  __syncthreads();
  if (warp < groups) convolve_group<T>(tiles, filter, warp, lane, slots);
  __syncthreads();
  store_tile(tiles, origin, slots, groups, out + first_channel);
}

template <Direction direction, class T>
void convolve(std::string_view name, Cuda place, const View<const T, K, R, S, C>& weight,
              const PixelTiles& tiles, const T* in, T* out) {
  CF_CHECK(aligned_to(16, in, out), name, ": images must be aligned to 16 bytes");
  const std::int64_t blocks = tiles.count() * tiles.slabs();
  CF_CHECK(blocks < std::int64_t{1} << 31, name, ": ", blocks, " tiles are too many for the GPU");
  launch(name, convolve_tile_kernel<direction, T>,
         {.grid = static_cast<unsigned>(blocks),
          .block = PixelTiles::kThreads,
          .shared_bytes = static_cast<std::size_t>(tiles.slots() * tiles.pitch()) * sizeof(uint4)},
         place, tiles, in, weight.data(), out);
}

template <class Image>
PixelTiles tiles_of(const Image& image) {
  const auto& extents = image.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

}  // namespace

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvForward<T>& a) {
  convolve<Direction::Forward>("grouped_conv forward", place, a.weight, tiles_of(a.x), a.x.data(),
                               a.y.data());
}

template <class T>
void convolve_by_mma(Cuda place, const GroupedConvBackwardInput<T>& a) {
  convolve<Direction::BackwardInput>("grouped_conv backward input", place, a.weight, tiles_of(a.dx),
                                     a.dy.data(), a.dx.data());
}

#define CF_INSTANTIATE(T)                                            \
  template void convolve_by_mma(Cuda, const GroupedConvForward<T>&); \
  template void convolve_by_mma(Cuda, const GroupedConvBackwardInput<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

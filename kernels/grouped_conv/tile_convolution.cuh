// How a warp convolves one group of a tile of slots, to outputs or back to inputs: a run of 8 pixels in two
// rows at a time. The products have the 8 output channels of the two rows as rows and the 8 pixels as
// columns; four rows of slots with three taps each are their depth of 6 times 16, as a slot of the middle
// rows serves both rows of outputs. So what is loaded is used as it lies in registers, and going down, a run
// loads two rows of slots for two rows of outputs. The outputs go where the taps have been read already.
#pragma once

#include "kernels/activation/activation.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/grouped_conv/pixel_tiles.cuh"

namespace cf::kernels {

inline constexpr int kTaps = 9, kFilter = kTaps * kGroupWidth * kGroupWidth;
inline constexpr int kDumpRows = 16;  // of each warp, 16 bytes each: for outputs beyond the tile

enum class Direction { Forward, BackwardInput };

// One register for each tap: row lane / 4 (channel written), columns 2 (lane % 4) and the next (channels
// read) of its 8 x 8 matrix. Backward the taps are turned by 180 degrees and the channels change sides.
template <Direction direction, class T>
__device__ void load_taps(const T* weight, int lane, std::uint32_t (&taps)[3][3]) {
  const int written = lane / 4, read = lane % 4 * 2;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    const auto at = [&](int channel) {
      return direction == Direction::Forward
                 ? weight[(written * kTaps + tap) * kGroupWidth + channel].bits
                 : weight[(channel * kTaps + kTaps - 1 - tap) * kGroupWidth + written].bits;
    };
    taps[tap / 3][tap % 3] = at(read) | static_cast<std::uint32_t>(at(read + 1)) << 16;
  }
}

// What the first and the second two of four rows of slots contribute to two rows of outputs. In two rows of
// slots the matrices are, in order, row 0: taps 0, 1, 2, row 1: taps 0, 1, 2.
struct Filter {
  MatrixA upper[3], lower[3];
  float start;  // of the sums of this lane's output channel
};

__device__ inline Filter make_filter(const std::uint32_t (&taps)[3][3], float start) {
  const auto& [a, b, c] = taps;
  return {{{a[0], 0, a[1], 0}, {a[2], 0, b[0], a[0]}, {b[1], a[1], b[2], a[2]}},
          {{c[0], b[0], c[1], b[1]}, {c[2], b[2], 0, c[0]}, {0, c[1], 0, c[2]}},
          start};
}

using TwoRows = std::uint32_t[6];

// A warp's way down the rows of a run of 8 columns.
struct Run {
  // Addresses of this lane: of matrix lane / 8 and 4 + lane / 8 % 2 of two rows, and of its next output.
  std::uint32_t first_four, last_two, output;
  std::uint32_t two_rows, output_step;  // bytes to the next

  __device__ void load(TwoRows& rows) {
    load_matrices<Rows::AsRows>(first_four, rows[0], rows[1], rows[2], rows[3]);
    load_matrices<Rows::AsRows>(last_two, rows[4], rows[5]);
    first_four += two_rows;
    last_two += two_rows;
  }
};

// The next two rows of outputs, into slots that all lanes have read.
template <Activation kActivation, class T>
__device__ void convolve_two_rows(const Filter& filter, const TwoRows& upper, const TwoRows& lower,
                                  Run& run) {
  float sum[4] = {filter.start, filter.start, filter.start, filter.start};
#pragma unroll
  for (int i = 0; i < 3; ++i) multiply_add<T>(sum, filter.upper[i], upper[2 * i], upper[2 * i + 1]);
#pragma unroll
  for (int i = 0; i < 3; ++i) multiply_add<T>(sum, filter.lower[i], lower[2 * i], lower[2 * i + 1]);
#pragma unroll
  for (float& value : sum) value = device::activate<kActivation>(value);
  store_matrices_as_columns(run.output, round_pair<T>(sum[0], sum[1]), round_pair<T>(sum[2], sum[3]));
  run.output += run.output_step;
}

// `dump`: kDumpRows packs of the warp's own.
template <Activation kActivation, class T>
__device__ void convolve_group(const PixelTiles& tiles, const Filter& filter, int group, int lane,
                               uint4* slots, uint4* dump) {
  const int pitch = tiles.pitch(), columns = tiles.slot_columns(), pixel = lane % 8;
  const auto two_rows = static_cast<std::uint32_t>(2 * columns * pitch * 16);
#pragma unroll 1
  for (int column = 0; column < tiles.columns(); column += PixelTiles::kRun) {
    uint4* const first = slots + (column + pixel) * pitch + group;
    const auto address = [&](int matrix) {
      return shared_address(first + (matrix / 3 * columns + matrix % 3) * pitch);
    };
    const bool is_output = column + pixel < tiles.columns();
    Run run{.first_four = address(lane / 8),
            .last_two = address(4 + lane / 8 % 2),
            .output =
                shared_address(is_output ? first + lane / 8 % 2 * columns * pitch : dump + lane % kDumpRows),
            .two_rows = two_rows,
            .output_step = is_output ? two_rows : 0};
    TwoRows even, odd;
    run.load(even);
    int row = 0;
#pragma unroll 1
    for (; row + 2 < tiles.even_rows(); row += 4) {
      run.load(odd);
      convolve_two_rows<kActivation, T>(filter, even, odd, run);
      run.load(even);
      convolve_two_rows<kActivation, T>(filter, odd, even, run);
    }
    if (row < tiles.even_rows()) {
      run.load(odd);
      convolve_two_rows<kActivation, T>(filter, even, odd, run);
    }
    __syncwarp();
  }
}

}  // namespace cf::kernels

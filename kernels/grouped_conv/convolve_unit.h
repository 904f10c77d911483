// The micro-kernel of the grouped convolution at place Cpu: one group of 8 channels of one unit. Used by
// grouped_conv and by the fused blocks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/padded_tile.h"

namespace cf::kernels {

inline constexpr int kTaps = 9;
inline constexpr std::int64_t kGroupWeights = kTaps * kGroupWidth * kGroupWidth;
// Of one group on one thread.
inline constexpr double kConvolveNanosecondsPerPixel = 9 * 8 * 8 / 20.0;

// The filter as convolve_unit reads it: [groups][r][s][input channel][8 output channels].
inline void pack_filter(const View<const float, K, R, S, C>& weight, float* packed) {
  for (std::int64_t k = 0; k < weight.extent<K>().value; ++k) {
    float* group = packed + k / kGroupWidth * kGroupWeights + k % kGroupWidth;
    const float* filter = weight.at(K{k});
    for (int i = 0; i < kTaps * kGroupWidth; ++i) group[i * kGroupWidth] = filter[i];
  }
}

// kRows rows times kColumns columns of output pixels, 8 channels each, in registers, whose sums begin with
// `start`. A loaded input value serves the three taps of its row. `input` points at tap (0, 0) of each row's
// first pixel.
template <int kRows, int kColumns>
[[gnu::always_inline]] inline void convolve_tile(const float* const (&input)[kRows], std::int64_t pitch,
                                                 const float* weight, Float8 start,
                                                 float* const (&output)[kRows], std::int64_t output_stride) {
  Float8 acc[kRows][kColumns];
  for (auto& row : acc) std::fill(row, row + kColumns, start);
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < kGroupWidth; ++c) {
      const float* tap = weight + (r * 3 * kGroupWidth + c) * kGroupWidth;
      const Float8 left = load8(tap), middle = load8(tap + kGroupWidth * kGroupWidth),
                   right = load8(tap + 2 * kGroupWidth * kGroupWidth);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const float* x = input[i] + r * pitch + c;
#pragma GCC unroll 10
        for (int j = 0; j < kColumns + 2; ++j) {
          const Float8 value = broadcast8(x[j * kGroupWidth]);
          if (j < kColumns) acc[i][j] += value * left;
          if (j >= 1 && j <= kColumns) acc[i][j - 1] += value * middle;
          if (j >= 2) acc[i][j - 2] += value * right;
        }
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) store8(output[i] + j * output_stride, acc[i][j]);
  }
}

// One group of a unit, from its padded copy to anywhere.
struct UnitConvolution {
  Unit unit;
  std::int64_t width;           // of the image
  const float* padded;          // [samples, rows + 2, width + 2, 8], see copy_padded
  const float* weight;          // the group's packed filter
  float* y;                     // the group's first channel of the unit's first pixel
  std::int64_t y_pixel;         // floats between pixels of a row; rows of a sample follow one another
  std::int64_t y_sample;        // and between samples
  const float* bias = nullptr;  // of the group's channels; null: none

  std::int64_t pitch() const { return (width + 2) * kGroupWidth; }
  std::int64_t rows() const { return unit.samples * unit.rows; }
  const float* input_row(std::int64_t row) const {
    return padded + (row / unit.rows * (unit.rows + 2) + row % unit.rows) * pitch();
  }
  float* output_row(std::int64_t row) const {
    return y + row / unit.rows * y_sample + row % unit.rows * width * y_pixel;
  }
};

template <int kRows, int kColumns>
void convolve_rows(const UnitConvolution& task, std::int64_t row, std::int64_t column) {
  const float* input[kRows];
  float* output[kRows];
  for (int i = 0; i < kRows; ++i) {
    input[i] = task.input_row(row + i) + column * kGroupWidth;
    output[i] = task.output_row(row + i) + column * task.y_pixel;
  }
  const Float8 start = task.bias == nullptr ? Float8{} : load8(task.bias);
  convolve_tile<kRows, kColumns>(input, task.pitch(), task.weight, start, output, task.y_pixel);
}

// Columns [column, column + kColumns) of all rows: 8 pixels at a time, the last rows singly.
template <int kColumns>
void convolve_columns(const UnitConvolution& task, std::int64_t column) {
  constexpr int kRows = 8 / kColumns;
  std::int64_t row = 0;
  for (; row + kRows <= task.rows(); row += kRows) convolve_rows<kRows, kColumns>(task, row, column);
  for (; row < task.rows(); ++row) convolve_rows<1, kColumns>(task, row, column);
}

inline void convolve_unit(const UnitConvolution& task) {
  const std::int64_t width = task.width;
  std::int64_t column = 0;
  for (; column + 8 <= width; column += 8) convolve_columns<8>(task, column);
  if ((width & 4) != 0) convolve_columns<4>(task, column);
  column += width & 4;
  if ((width & 2) != 0) convolve_columns<2>(task, column);
  column += width & 2;
  if ((width & 1) != 0) convolve_columns<1>(task, column);
}

}  // namespace cf::kernels

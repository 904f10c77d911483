// Forward and backward input: the same convolution, with the filter as it is or transposed and flipped.
#include "kernels/base/parallel.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/padded_tile.h"

namespace cf::kernels {

namespace {

constexpr int kTaps = 9;
constexpr std::int64_t kGroupWeights = kTaps * kGroupWidth * kGroupWidth;
constexpr double kNanosecondsPerPixel = 9 * 8 * 8 / 20.0;  // of one group on one thread

// Packed filter: [groups][r][s][input channel][8 output channels].
void pack_forward(const View<const float, K, R, S, C>& weight, float* packed) {
  for (std::int64_t k = 0; k < weight.extent<K>().value; ++k) {
    float* group = packed + k / kGroupWidth * kGroupWeights + k % kGroupWidth;
    const float* filter = weight.at(K{k});
    for (int i = 0; i < kTaps * kGroupWidth; ++i) group[i * kGroupWidth] = filter[i];
  }
}

// Output channels are the filter's input channels and taps run backwards.
void pack_transposed(const View<const float, K, R, S, C>& weight, float* packed) {
  for (std::int64_t k = 0; k < weight.extent<K>().value; ++k) {
    float* group = packed + k / kGroupWidth * kGroupWeights + k % kGroupWidth * kGroupWidth;
    const float* filter = weight.at(K{k});
    for (int tap = 0; tap < kTaps; ++tap) {
      for (int c = 0; c < kGroupWidth; ++c) {
        group[(kTaps - 1 - tap) * kGroupWidth * kGroupWidth + c] = filter[tap * kGroupWidth + c];
      }
    }
  }
}

// kRows rows times kColumns columns of output pixels, 8 channels each, in registers. A loaded input value
// serves the three taps of its row. `input` points at tap (0, 0) of each row's first pixel.
template <int kRows, int kColumns>
[[gnu::always_inline]] inline void convolve_tile(const float* const (&input)[kRows], std::int64_t pitch,
                                                 const float* weight, float* const (&output)[kRows],
                                                 std::int64_t output_stride) {
  Float8 acc[kRows][kColumns] = {};
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

// One group of one unit.
struct UnitTask {
  ImageShape shape;
  Unit unit;
  const float* padded;
  const float* weight;
  float* y;  // the group's first channel of the image's first pixel

  std::int64_t pitch() const { return (shape.w + 2) * kGroupWidth; }
  std::int64_t rows() const { return unit.samples * unit.rows; }
  const float* input_row(std::int64_t row) const {
    return padded + (row / unit.rows * (unit.rows + 2) + row % unit.rows) * pitch();
  }
  float* output_row(std::int64_t row) const {
    const auto sample = unit.first_sample + row / unit.rows, h = unit.first_row + row % unit.rows;
    return y + (sample * shape.h + h) * shape.w * shape.c;
  }
};

template <int kRows, int kColumns>
void convolve_rows(const UnitTask& task, std::int64_t row, std::int64_t column) {
  const float* input[kRows];
  float* output[kRows];
  for (int i = 0; i < kRows; ++i) {
    input[i] = task.input_row(row + i) + column * kGroupWidth;
    output[i] = task.output_row(row + i) + column * task.shape.c;
  }
  convolve_tile<kRows, kColumns>(input, task.pitch(), task.weight, output, task.shape.c);
}

// Columns [column, column + kColumns) of all rows: 8 pixels at a time, the last rows singly.
template <int kColumns>
void convolve_columns(const UnitTask& task, std::int64_t column) {
  constexpr int kRows = 8 / kColumns;
  std::int64_t row = 0;
  for (; row + kRows <= task.rows(); row += kRows) convolve_rows<kRows, kColumns>(task, row, column);
  for (; row < task.rows(); ++row) convolve_rows<1, kColumns>(task, row, column);
}

void convolve_unit(const UnitTask& task) {
  const std::int64_t width = task.shape.w;
  std::int64_t column = 0;
  for (; column + 8 <= width; column += 8) convolve_columns<8>(task, column);
  if ((width & 4) != 0) convolve_columns<4>(task, column);
  column += width & 4;
  if ((width & 2) != 0) convolve_columns<2>(task, column);
  column += width & 2;
  if ((width & 1) != 0) convolve_columns<1>(task, column);
}

void convolve(Cpu place, const ImageShape& shape, const float* x, const float* packed, float* y,
              float* buffers) {
  const Blocking blocking(shape);
  const std::int64_t groups = shape.groups(), items = blocking.units() * groups;
  if (items == 0) return;
  const double cost =
      kNanosecondsPerPixel * static_cast<double>(shape.n * shape.h * shape.w * groups / items);
  parallel_parts(place, items, 1, cost, [&](int part, std::int64_t first, std::int64_t last) {
    float* padded = buffers + part * blocking.padded_floats();
    for (std::int64_t item = first; item < last; ++item) {
      const std::int64_t group = item % groups;
      const Unit unit = blocking.unit(item / groups);
      copy_padded(x, shape, group, unit, padded);
      convolve_unit({shape, unit, padded, packed + group * kGroupWeights, y + group * kGroupWidth});
    }
  });
}

template <class Image>
ImageShape shape_of(const Image& image) {
  const auto e = image.extents();
  return {e[0], e[1], e[2], e[3]};
}

// Packed filter, then one padded unit for each thread.
std::size_t workspace_floats(Cpu place, const ImageShape& shape) {
  return static_cast<std::size_t>(shape.groups() * kGroupWeights +
                                  part_count(place) * Blocking(shape).padded_floats());
}

}  // namespace

void grouped_conv(Cpu place, const GroupedConvForward<float>& a) {
  check(a);
  const auto shape = shape_of(a.x);
  float* packed = workspace_as<float>("grouped_conv forward", a.workspace, workspace_floats(place, shape));
  pack_forward(a.weight, packed);
  convolve(place, shape, a.x.data(), packed, a.y.data(), packed + shape.groups() * kGroupWeights);
}

void grouped_conv(Cpu place, const GroupedConvBackwardInput<float>& a) {
  check(a);
  const auto shape = shape_of(a.dy);
  float* packed =
      workspace_as<float>("grouped_conv backward input", a.workspace, workspace_floats(place, shape));
  pack_transposed(a.weight, packed);
  convolve(place, shape, a.dy.data(), packed, a.dx.data(), packed + shape.groups() * kGroupWeights);
}

std::size_t workspace_bytes(Cpu place, const GroupedConvForward<float>& a) {
  return sizeof(float) * workspace_floats(place, shape_of(a.x));
}

std::size_t workspace_bytes(Cpu place, const GroupedConvBackwardInput<float>& a) {
  return sizeof(float) * workspace_floats(place, shape_of(a.dy));
}

}  // namespace cf::kernels

// Products of a tall matrix with a small one, on the calling thread: what linear and patch_conv at place Cpu
// are made of. Matrices are row-major; strides are in elements.
#pragma once

#include <cstdint>

namespace cf::kernels {

// Multiply-adds of the products below by one thread, about: to judge whether waking others pays.
inline constexpr double kMultipliesPerNanosecond = 20;

// --- y[rows, columns] = a[rows, depth] b[depth, columns] + bias[columns]

// Floats that pack_matrix writes: columns rounded up to vectors, a bias row behind them.
std::int64_t packed_size(std::int64_t depth, std::int64_t columns);

// Element (p, j) of b at b[p * depth_stride + j * column_stride].
struct PackSource {
  const float* b;
  std::int64_t depth_stride, column_stride;
  const float* bias;  // null: zeros
};
void pack_matrix(const PackSource& source, std::int64_t depth, std::int64_t columns, float* packed);

struct RowProduct {
  const float* a;
  std::int64_t a_stride;
  const float* packed;
  std::int64_t depth, columns;
  float* y;
  std::int64_t y_stride;
};
void multiply_rows(const RowProduct& product, std::int64_t rows);

// --- sum[i, j] = sum over rows of a[row, i] b[row, j]

// Floats of `sum`, whose rows are padded to whole vectors, and their stride.
std::int64_t transposed_stride(std::int64_t columns);

struct TransposedProduct {
  const float* a;
  std::int64_t a_columns;  // = the stride of a
  const float* b;
  std::int64_t b_columns, b_stride;
  const float* b_end;  // one past the last readable element of b
};

// Adds to `sum`, [a_columns, transposed_stride(b_columns)]; the padding columns receive garbage.
void add_transposed_product(const TransposedProduct& product, std::int64_t rows, float* sum);

// Partial sums of slices: matrices [rows, columns] with rows `stride` apart, one every `slice_floats`.
struct PartialSums {
  float* first;  // of slice 0; receives the sum
  int slices;
  std::int64_t slice_floats, rows, columns, stride;
};

// gradient[rows, columns] = accumulate gradient + sum of the slices, in order.
void add_slices(const PartialSums& partial, float accumulate, float* gradient);

}  // namespace cf::kernels

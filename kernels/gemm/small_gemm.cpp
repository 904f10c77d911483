#include "kernels/gemm/small_gemm.h"

#include <cblas.h>

#include <algorithm>
#include <cstring>

#include "kernels/base/accumulate.h"
#include "kernels/gemm/gemm_tile.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kCachedFloats = 6144;  // 24 KiB: a block of rows that stays in the first-level cache

// Rows that are worked on for all panels before the next ones are touched; full tiles of every shape.
std::int64_t block_rows(std::int64_t floats_per_row) {
  return std::clamp<std::int64_t>(kCachedFloats / std::max<std::int64_t>(1, floats_per_row) / 12 * 12, 48,
                                  480);
}

template <int kVectors>
void store_columns(const Float8 (&values)[kVectors], std::int64_t columns, float* y) {
  if (columns >= kVectors * kVectorWidth) {
    for (int j = 0; j < kVectors; ++j) store8(y + j * kVectorWidth, values[j]);
  } else {
    std::memcpy(y, values, static_cast<std::size_t>(columns) * sizeof(float));
  }
}

template <int kVectors>
void multiply_panel(const RowProduct& p, std::int64_t first_row, std::int64_t rows, std::int64_t column) {
  const float* b = p.packed + p.depth * column;
  const float* bias = p.packed + p.depth * round_up(p.columns, kVectorWidth) + column;
  for_each_row_tile<kVectors>(rows, [&]<int kRows>(std::int64_t tile) {
    const std::int64_t row = first_row + tile;
    Float8 acc[kRows][kVectors];
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kVectors; ++j) acc[i][j] = load8(bias + j * kVectorWidth);
    }
    multiply_tile<kRows, kVectors>(p.depth, p.a + row * p.a_stride, {p.a_stride, 1}, b,
                                   kVectors * kVectorWidth, acc);
    for (int i = 0; i < kRows; ++i) {
      store_columns<kVectors>(acc[i], p.columns - column, p.y + (row + i) * p.y_stride + column);
    }
  });
}

template <int kVectors>
void add_transposed_panel(const TransposedProduct& p, const float* b, std::int64_t b_stride, const float* a,
                          std::int64_t rows, std::int64_t column, float* sum) {
  const std::int64_t stride = transposed_stride(p.b_columns);
  for_each_row_tile<kVectors>(p.a_columns, [&]<int kRows>(std::int64_t i0) {
    float* tile = sum + i0 * stride + column;
    Float8 acc[kRows][kVectors];
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kVectors; ++j) acc[i][j] = load8(tile + i * stride + j * kVectorWidth);
    }
    multiply_tile<kRows, kVectors>(rows, a + i0, {1, p.a_columns}, b, b_stride, acc);
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kVectors; ++j) store8(tile + i * stride + j * kVectorWidth, acc[i][j]);
    }
  });
}

// Above so many columns of a and b together the strips of columns that a tile reads no longer stay in cache;
// OpenBLAS, which copies its blocks, is up to twice as fast there.
constexpr std::int64_t kMostColumns = 768;

void add_large_transposed_product(const TransposedProduct& p, std::int64_t rows, float* sum) {
  static const bool one_thread = (openblas_set_num_threads(1), true);  // the threads are ours
  static_cast<void>(one_thread);
  const auto blas = [](std::int64_t value) { return static_cast<int>(value); };
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, blas(p.a_columns), blas(p.b_columns), blas(rows), 1.0F,
              p.a, blas(p.a_columns), p.b, blas(p.b_stride), 1.0F, sum, blas(transposed_stride(p.b_columns)));
}

// Rows of b whose last vector may be read whole.
std::int64_t readable_rows(const TransposedProduct& p, std::int64_t rows) {
  const std::int64_t overhang = transposed_stride(p.b_columns);
  const std::int64_t behind = p.b_end - p.b;
  if (behind < overhang) return 0;
  return std::min(rows, (behind - overhang) / p.b_stride + 1);
}

}  // namespace

std::int64_t packed_size(std::int64_t depth, std::int64_t columns) {
  return (depth + 1) * round_up(columns, kVectorWidth);
}

void pack_matrix(const PackSource& source, std::int64_t depth, std::int64_t columns, float* packed) {
  for_each_panel(columns, [&]<int kVectors>(std::int64_t column) {
    constexpr std::int64_t kWidth = kVectors * kVectorWidth;
    const std::int64_t valid = std::min(kWidth, columns - column);
    float* panel = packed + depth * column;
    for (std::int64_t p = 0; p < depth; ++p) {
      const float* row = source.b + p * source.depth_stride + column * source.column_stride;
      for (std::int64_t j = 0; j < valid; ++j) panel[p * kWidth + j] = row[j * source.column_stride];
      std::fill(panel + p * kWidth + valid, panel + (p + 1) * kWidth, 0.0F);
    }
  });
  float* bias = packed + depth * round_up(columns, kVectorWidth);
  std::fill(bias, bias + round_up(columns, kVectorWidth), 0.0F);
  if (source.bias != nullptr) std::copy(source.bias, source.bias + columns, bias);
}

void multiply_rows(const RowProduct& product, std::int64_t rows) {
  const std::int64_t block = block_rows(product.depth);
  for (std::int64_t row = 0; row < rows; row += block) {
    const std::int64_t count = std::min(block, rows - row);
    for_each_panel(product.columns, [&]<int kVectors>(std::int64_t column) {
      multiply_panel<kVectors>(product, row, count, column);
    });
  }
}

std::int64_t transposed_stride(std::int64_t columns) { return round_up(columns, kVectorWidth); }

void add_transposed_product(const TransposedProduct& product, std::int64_t rows, float* sum) {
  if (product.a_columns + product.b_columns > kMostColumns)
    return add_large_transposed_product(product, rows, sum);
  const auto add = [&](const float* a, const float* b, std::int64_t b_stride, std::int64_t count) {
    for_each_panel(product.b_columns, [&]<int kVectors>(std::int64_t column) {
      add_transposed_panel<kVectors>(product, b + column, b_stride, a, count, column, sum);
    });
  };
  const std::int64_t readable = readable_rows(product, rows);
  const std::int64_t block = block_rows(product.a_columns + product.b_columns);
  for (std::int64_t row = 0; row < readable; row += block) {
    add(product.a + row * product.a_columns, product.b + row * product.b_stride, product.b_stride,
        std::min(block, readable - row));
  }
  // The last rows, whose last vector would reach behind b: the values of one panel at a time, padded.
  for (std::int64_t row = readable; row < rows; ++row) {
    const float* b = product.b + row * product.b_stride;
    for_each_panel(product.b_columns, [&]<int kVectors>(std::int64_t column) {
      float padded[kVectors * kVectorWidth] = {};
      std::copy(b + column, b + std::min(product.b_columns, column + kVectors * kVectorWidth), padded);
      add_transposed_panel<kVectors>(product, padded, 0, product.a + row * product.a_columns, 1, column, sum);
    });
  }
}

void add_slices(const PartialSums& partial, float accumulate, float* gradient) {
  for (std::int64_t row = 0; row < partial.rows; ++row) {
    float* sum = partial.first + row * partial.stride;
    for (int slice = 1; slice < partial.slices; ++slice) {
      const float* other = sum + slice * partial.slice_floats;
      for (std::int64_t column = 0; column < partial.columns; ++column) sum[column] += other[column];
    }
    for (std::int64_t column = 0; column < partial.columns; ++column) {
      accumulate_into(gradient[row * partial.columns + column], accumulate, sum[column]);
    }
  }
}

}  // namespace cf::kernels

// The micro-kernel behind linear and patch_conv at place Cpu: a tile of rows x columns of a product, its
// accumulators in registers.
//
// A tile is kRows rows times kVectors vectors of 8 columns; the shapes used fill 12 of AVX2's 16 vector
// registers with accumulators: enough independent FMAs to hide their latency.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/base/float8.h"

namespace cf::kernels {

// Elements (row i, depth p) of the left factor at a[i * row + p * depth].
struct Strides {
  std::int64_t row, depth;
};

// acc[i][j] += sum_p a(i, p) b[p * b_depth + 8 j ...], p in order: an element's bits do not depend on the
// tile it is computed in.
template <int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_tile(std::int64_t depth, const float* a, Strides a_strides,
                                                 const float* b, std::int64_t b_depth,
                                                 Float8 (&acc)[kRows][kVectors]) {
  for (std::int64_t p = 0; p < depth; ++p) {
    Float8 columns[kVectors];
#pragma GCC unroll 3
    for (int j = 0; j < kVectors; ++j) columns[j] = load8(b + kVectorWidth * j);
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      const Float8 left = broadcast8(a[i * a_strides.row]);
#pragma GCC unroll 3
      for (int j = 0; j < kVectors; ++j) acc[i][j] += left * columns[j];
    }
    a += a_strides.depth;
    b += b_depth;
  }
}

// Rows of the tile shape used for a panel of so many vectors.
template <int kVectors>
inline constexpr int kTileRows = kVectors == 1   ? 12
                                 : kVectors == 2 ? 6
                                                 : 4;

// Calls body.operator()<rows>(first) on tiles that cover `rows` rows: as few as do, of sizes as equal as can
// be, because a tile of one or two rows waits for its own sums.
template <int kVectors, class Body>
inline void for_each_row_tile(std::int64_t rows, const Body& body) {
  constexpr int kFull = kTileRows<kVectors>;
  std::int64_t first = 0;
  for (std::int64_t tiles = (rows + kFull - 1) / kFull; tiles > 0; --tiles) {
    const std::int64_t size = (rows - first + tiles - 1) / tiles;
    [&]<int... kSmaller>(std::integer_sequence<int, kSmaller...>) {
      static_cast<void>(
          ((size == kSmaller + 1 && (body.template operator()<kSmaller + 1>(first), true)) || ...));
    }
    (std::make_integer_sequence<int, kFull>{});
    first += size;
  }
}

constexpr std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Calls body.operator()<vectors>(first_column) for the panels that cover `columns` columns: two vectors each,
// but a last one of three or one where their number is odd.
template <class Body>
inline void for_each_panel(std::int64_t columns, const Body& body) {
  std::int64_t column = 0;
  std::int64_t vectors = round_up(columns, kVectorWidth) / kVectorWidth;
  for (; vectors > 3 || vectors == 2; vectors -= 2, column += 2 * kVectorWidth)
    body.template operator()<2>(column);
  if (vectors == 3) body.template operator()<3>(column);
  if (vectors == 1) body.template operator()<1>(column);
}

}  // namespace cf::kernels

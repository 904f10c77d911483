// How a warp takes all gradients of one group of a tile, x as pixels as they lie in memory, dy in slots: a
// lane has one channel of x, lane / 4, so the norm takes it a few registers, wherever x comes from shared
// memory. First the filter's gradient: the pixels are normed on their way to the products. Then, in place,
// the gradient behind the activation, with the norm's sums of it.
#pragma once

#include "kernels/activation/activation.cuh"
#include "kernels/base/pairs.cuh"
#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_weight_sums.cuh"

namespace cf::kernels {

// What the norm does to a lane's channel: activation(scale x + shift), of which scale x + shift is also
// slope (x - mean) + bias.
struct LaneNorm {
  float scale, shift, mean, slope, bias;
};

template <Activation kActivation, class T>
__device__ inline std::uint32_t normed_pair(std::uint32_t pair, const LaneNorm& norm) {
  const float2 x = floats_of_pair<T>(pair);
  const float first = norm.scale * x.x + norm.shift, second = norm.scale * x.y + norm.shift;
  if constexpr (kActivation == Activation::Relu) return rectify_pair<T>(first, second);
  return round_pair<T>(device::activate<kActivation>(first), device::activate<kActivation>(second));
}

// A lane's two pixels of a run, those beyond the images masked out: all bits of what counts.
__device__ inline std::uint32_t pixels_inside(int first_column, int columns_inside) {
  return (first_column < columns_inside ? 0xffffU : 0U) |
         (first_column + 1 < columns_inside ? 0xffff0000U : 0U);
}

// The pixels of a tile normed and activated; those beyond the images stay zeros.
template <Activation kActivation, class T>
struct NormedPixels {
  const PixelTiles& tiles;
  const Pixel& origin;
  int lane;
  const LaneNorm& norm;

  __device__ auto of_run(int column) const {
    const std::uint32_t inside = pixels_inside(column + lane % 4 * 2, tiles.columns_inside(origin));
    return [inside, way = tiles.rows_inside(origin), this](std::uint32_t(&pixels)[2]) mutable {
      pixels[0] = normed_pair<kActivation, T>(pixels[0], norm) & (way.first() ? inside : 0);
      pixels[1] = normed_pair<kActivation, T>(pixels[1], norm) & (way.second() ? inside : 0);
      way.go_two();
    };
  }
};

// A lane's sums of dh, the gradient in front of the activation, and of dh (x - mean).
struct NormSums {
  float gradient = 0, product = 0;
};

template <Activation kActivation>
__device__ inline void add_gradient(float x, float gradient, bool inside, const LaneNorm& norm,
                                    NormSums& sums) {
  const float deviation = x - norm.mean;
  const float dh =
      inside ? device::activation_gradient<kActivation>(norm.slope * deviation + norm.bias, gradient) : 0;
  sums.gradient += dh;
  sums.product += dh * deviation;
}

// What a row of slots contributes: to the two rows of outputs above it, taps 2 in the upper half and taps 1
// in the lower one, and to its own row, taps 0, with an empty lower half. A third of the registers of Filter,
// for products with a third more rows.
struct RowFilter {
  MatrixA above;  // of the first two tap columns
  std::uint32_t above_third[2];
  MatrixA own;
  std::uint32_t own_third;
};

__device__ inline RowFilter make_row_filter(const std::uint32_t (&taps)[3][3]) {
  const auto& [a, b, c] = taps;
  return {{c[0], b[0], c[1], b[1]}, {c[2], b[2]}, {a[0], 0, a[1], 0}, a[2]};
}

// Adds the next row of slots, by tap column, to `open`, the sums of the two rows of outputs above it, and
// opens its own. Returns the row that is complete.
template <class T>
__device__ inline float2 add_row(const RowFilter& filter, std::uint32_t first, std::uint32_t second,
                                 std::uint32_t third, float (&open)[4]) {
  float own[4] = {};
  multiply_add<T>(open, filter.above, first, second);
  multiply_add<T>(own, filter.own, first, second);
  multiply_add<T>(open, filter.above_third[0], filter.above_third[1], third);
  multiply_add<T>(own, filter.own_third, 0, third);
  const float2 complete{open[0], open[1]};
  open[0] = open[2];
  open[1] = open[3];
  open[2] = own[0];
  open[3] = own[1];
  return complete;
}

// The gradients of a group's tile behind the activation, in place of the slots that all lanes have read, with
// what the norm needs of them. `dump`: kDumpRows packs of the warp's own.
template <Activation kActivation, class T>
__device__ void differentiate_group(const PixelTiles& tiles, const Pixel& origin, const RowFilter& filter,
                                    int group, int lane, const uint4* pixels, const LaneNorm& norm,
                                    uint4* slots, uint4* dump, NormSums& sums) {
  const int pitch = tiles.pitch(), columns = tiles.slot_columns(), runs = tiles.run_columns();
  const int matrix = lane / 8, pixel = lane % 8;
  const auto two_rows = static_cast<std::uint32_t>(2 * columns * pitch * 16);
  const auto pixel_step = static_cast<std::uint32_t>(2 * runs * pitch * 16);
#pragma unroll 1
  for (int column = 0; column < tiles.columns(); column += PixelTiles::kRun) {
    uint4* const first = slots + (column + pixel) * pitch + group;
    const auto address = [&](int row, int tap) {
      return shared_address(first + (row * columns + tap) * pitch);
    };
    const bool is_output = column + pixel < tiles.columns();
    Run run{.first_four = address(matrix / 2, matrix % 2),
            .last_two = address(matrix % 2, 2),
            .output = is_output ? address(matrix % 2, 0) : shared_address(dump + lane % kDumpRows),
            .two_rows = two_rows,
            .output_step = is_output ? two_rows : 0};
    std::uint32_t at = shared_address(pixels + (matrix % 2 * runs + column + pixel) * pitch + group);
    const int pair = column + lane % 4 * 2, columns_inside = tiles.columns_inside(origin);
    const bool first_inside = pair < columns_inside, second_inside = pair + 1 < columns_inside;
    RowsInside way = tiles.rows_inside(origin);
    TwoRows rows;
    run.load(rows);
    float open[4] = {};
    const auto add_rows = [&](float2& upper, float2& lower) {
      upper = add_row<T>(filter, rows[0], rows[1], rows[4], open);
      lower = add_row<T>(filter, rows[2], rows[3], rows[5], open);
    };
    const auto add_gradients = [&](std::uint32_t x, const float2& gradients, bool row_inside) {
      const float2 values = floats_of_pair<T>(x);
      add_gradient<kActivation>(values.x, gradients.x, row_inside && first_inside, norm, sums);
      add_gradient<kActivation>(values.y, gradients.y, row_inside && second_inside, norm, sums);
    };
    float2 upper, lower;
    add_rows(upper, lower);  // of rows above the tile
    run.load(rows);
#pragma unroll 1
    for (int row = 0; row < tiles.even_rows(); row += 2) {
      std::uint32_t x[2];
      load_matrices<Rows::AsColumns>(at, x[0], x[1]);
      at += pixel_step;
      add_rows(upper, lower);
      if (row + 2 < tiles.even_rows()) run.load(rows);
      store_matrices_as_columns(run.output, round_pair<T>(upper.x, upper.y), round_pair<T>(lower.x, lower.y));
      run.output += run.output_step;
      add_gradients(x[0], upper, way.first());
      add_gradients(x[1], lower, way.second());
      way.go_two();
    }
    __syncwarp();
  }
}

}  // namespace cf::kernels

#include "kernels/squeeze_excite/sample_outer_product.h"

#include <algorithm>
#include <numeric>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/squeeze_excite/split_float.cuh"

namespace cf::kernels::squeeze_excite_detail {

namespace {

struct OuterTile {
  static constexpr int kSide = 32;    // of a block: outputs
  static constexpr int kWarps = 8;    // each adds 8 samples in every 8 times as many
  static constexpr int kSamples = 8;  // of a step of a warp
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kOfLane = 4;          // neighbouring rows, and neighbouring columns
  static constexpr int kStride = kSide + 4;  // of a row of sums in shared memory
};

// What a lane loads of two samples: four rows of doutput, four columns of the input.
struct OuterOperands {
  float d[2][OuterTile::kOfLane], x[2][OuterTile::kOfLane];
};

// Channels [first, first + 4) of a sample, or others where there are none. V: channels that may be loaded at
// once.
template <int V>
__device__ void load_side(const float* values, std::int64_t sample, int width, int first,
                          float (&out)[OuterTile::kOfLane]) {
#pragma unroll
  for (int i = 0; i < OuterTile::kOfLane; i += V) {
    const auto pack = load_pack<float, V>(values + sample * width + min(first + i, width - V));
#pragma unroll
    for (int j = 0; j < V; ++j) out[i + j] = pack.value[j];
  }
}

// Of samples `first` and the next; doutput is zero behind the last. All loads are unconditional, so that they
// can be moved ahead of one another.
template <int V>
__device__ OuterOperands load_operands(const LayerGradient& layer, std::int64_t first, std::int64_t samples,
                                       int row, int column) {
  OuterOperands out;
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const std::int64_t sample = std::min(first + k, samples - 1);
    load_side<V>(layer.doutput, sample, layer.rows, row, out.d[k]);
    load_side<V>(layer.input, sample, layer.columns, column, out.x[k]);
#pragma unroll
    for (int i = 0; i < OuterTile::kOfLane; ++i) out.d[k][i] = first + k < samples ? out.d[k][i] : 0.0F;
  }
  return out;
}

// A lane's four rows by eight columns: of sums[i][j], A's rows are the lane's rows 2i and 2i + 1, B's column
// g is column j of the four of lanes 4g.
struct OuterSums {
  float sums[2][OuterTile::kOfLane][4] = {};
  float bias[OuterTile::kOfLane] = {};

  __device__ void add(const OuterOperands& operands) {
    SplitFloat rows[2][OuterTile::kOfLane], columns[2][OuterTile::kOfLane];
#pragma unroll
    for (int k = 0; k < 2; ++k) {
#pragma unroll
      for (int i = 0; i < OuterTile::kOfLane; ++i) {
        rows[k][i] = split(operands.d[k][i]);
        columns[k][i] = split(operands.x[k][i]);
        bias[i] += operands.d[k][i];
      }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const SplitA a = {rows[0][2 * i], rows[0][2 * i + 1], rows[1][2 * i], rows[1][2 * i + 1]};
#pragma unroll
      for (int j = 0; j < OuterTile::kOfLane; ++j) {
        const SplitB b = {columns[0][j], columns[1][j]};
        add_product<float>(sums[i][j], a, b);
      }
    }
  }
};

__device__ void add_gradient(float& gradient, float accumulate, float sum) {
  gradient = accumulate == 0 ? sum : accumulate * gradient + sum;
}

// Sums of the warps, which are added in order.
struct PartSums {
  float products[OuterTile::kWarps][OuterTile::kSide][OuterTile::kStride];
  float bias[OuterTile::kWarps][OuterTile::kSide];

  __device__ void store(const OuterSums& from) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int row = lane / 4 * OuterTile::kOfLane, column = lane % 4 * 2 * OuterTile::kOfLane;
#pragma unroll
    for (int i = 0; i < OuterTile::kOfLane; ++i) {
#pragma unroll
      for (int s = 0; s < 2; ++s) {
        float values[OuterTile::kOfLane];
#pragma unroll
        for (int j = 0; j < OuterTile::kOfLane; ++j) values[j] = from.sums[i / 2][j][i % 2 * 2 + s];
        store_floats(&products[warp][row + i][column + s * OuterTile::kOfLane], values);
      }
      float sum = from.bias[i];
      sum += __shfl_xor_sync(0xffffffffU, sum, 1);
      sum += __shfl_xor_sync(0xffffffffU, sum, 2);
      if (lane % 4 == 0) bias[warp][row + i] = sum;
    }
  }
  __device__ float product(int row, int column) const {
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < OuterTile::kWarps; ++warp) sum += products[warp][row][column];
    return sum;
  }
  __device__ float bias_sum(int row) const {
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < OuterTile::kWarps; ++warp) sum += bias[warp][row];
    return sum;
  }
};

// Grid: (tiles of the larger layer gradient, 2).
template <int V>
__global__ void __launch_bounds__(OuterTile::kThreads, 2)
    sample_outer_product_kernel(std::int64_t samples, LayerGradient first, LayerGradient second,
                                float accumulate) {
  using Tile = OuterTile;
  __shared__ __align__(16) PartSums parts;
  const LayerGradient layer = blockIdx.y == 0 ? first : second;
  const int column_tiles = (layer.columns + Tile::kSide - 1) / Tile::kSide;
  const int first_row = static_cast<int>(blockIdx.x) / column_tiles * Tile::kSide,
            first_column = static_cast<int>(blockIdx.x) % column_tiles * Tile::kSide;
  if (first_row >= layer.rows) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const auto load = [&](std::int64_t n) {
    return load_operands<V>(layer, n + lane % 4 * 2, samples, first_row + lane / 4 * Tile::kOfLane,
                            first_column + lane / 4 * Tile::kOfLane);
  };
  OuterSums sums;
  OuterOperands operands{};
  if (samples > 0) operands = load(warp * Tile::kSamples);
#pragma unroll 1
  for (std::int64_t n = warp * Tile::kSamples; n < samples; n += Tile::kWarps * Tile::kSamples) {
    const OuterOperands next = load(n + Tile::kWarps * Tile::kSamples);
    sums.add(operands);
    operands = next;
  }
  parts.store(sums);
  __syncthreads();
#pragma unroll
  for (int row = warp; row < Tile::kSide; row += Tile::kWarps) {
    const int to_row = first_row + row, to_column = first_column + lane;
    if (to_row >= layer.rows || to_column >= layer.columns) continue;
    add_gradient(layer.dweight[std::int64_t{to_row} * layer.columns + to_column], accumulate,
                 parts.product(row, lane));
  }
  if (first_column == 0 && warp == 0 && first_row + lane < layer.rows) {
    add_gradient(layer.dbias[first_row + lane], accumulate, parts.bias_sum(lane));
  }
}

}  // namespace

void add_layer_gradients(std::string_view name, Cuda place, std::int64_t samples, const LayerGradient& first,
                         const LayerGradient& second, float accumulate) {
  const auto tiles = [](const LayerGradient& layer) {
    const auto along = [](int extent) {
      return static_cast<unsigned>((extent + OuterTile::kSide - 1) / OuterTile::kSide);
    };
    return along(layer.rows) * along(layer.columns);
  };
  dispatch_pack<float>(
      std::gcd(std::gcd(first.rows, first.columns), std::gcd(second.rows, second.columns)),
      [&]<int V>() {
        launch(name, sample_outer_product_kernel<V>,
               {.grid = {std::max(tiles(first), tiles(second)), 2}, .block = OuterTile::kThreads}, place,
               samples, first, second, accumulate);
      },
      first.doutput, first.input, second.doutput, second.input);
}

}  // namespace cf::kernels::squeeze_excite_detail

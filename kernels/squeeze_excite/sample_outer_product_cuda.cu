#include "kernels/squeeze_excite/sample_outer_product.h"

#include <algorithm>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"

namespace cf::kernels::squeeze_excite_detail {

namespace {

struct OuterTile {
  static constexpr int kSide = 32, kSamples = 64;     // of a block: outputs, samples at a time
  static constexpr int kThreads = 256, kOutputs = 2;  // a thread has 2 x 2 outputs
  static constexpr int kLoads = kSide * kSamples / kThreads;
  static_assert(kSide / kOutputs * kSide / kOutputs == kThreads);
};

// A thread's values of the next samples [n, first + lane], zeros outside.
__device__ void load_side(const float* values, std::int64_t n, std::int64_t samples, int width, int first,
                          float (&out)[OuterTile::kLoads]) {
  const int lane = static_cast<int>(threadIdx.x) % OuterTile::kSide;
  const std::int64_t row = n + static_cast<int>(threadIdx.x) / OuterTile::kSide;
#pragma unroll
  for (int i = 0; i < OuterTile::kLoads; ++i) {
    const std::int64_t at = row + i * (OuterTile::kThreads / OuterTile::kSide);
    out[i] = at < samples && first + lane < width ? values[at * width + first + lane] : 0.0F;
  }
}

__device__ void store_side(const float (&values)[OuterTile::kLoads],
                           float (&shared)[OuterTile::kSamples][OuterTile::kSide]) {
  const int lane = static_cast<int>(threadIdx.x) % OuterTile::kSide,
            row = static_cast<int>(threadIdx.x) / OuterTile::kSide;
#pragma unroll
  for (int i = 0; i < OuterTile::kLoads; ++i) {
    shared[row + i * (OuterTile::kThreads / OuterTile::kSide)][lane] = values[i];
  }
}

__device__ void add_gradient(float& gradient, float accumulate, float sum) {
  gradient = accumulate == 0 ? sum : accumulate * gradient + sum;
}

// Grid: (tiles of the larger layer gradient, 2).
__global__ void __launch_bounds__(OuterTile::kThreads)
    sample_outer_product_kernel(std::int64_t samples, LayerGradient first, LayerGradient second,
                                float accumulate) {
  using Tile = OuterTile;
  __shared__ __align__(16) float doutputs[Tile::kSamples][Tile::kSide], inputs[Tile::kSamples][Tile::kSide];
  const LayerGradient layer = blockIdx.y == 0 ? first : second;
  const int column_tiles = (layer.columns + Tile::kSide - 1) / Tile::kSide;
  const int first_row = static_cast<int>(blockIdx.x) / column_tiles * Tile::kSide,
            first_column = static_cast<int>(blockIdx.x) % column_tiles * Tile::kSide;
  if (first_row >= layer.rows) return;
  constexpr int kHalf = Tile::kSide / Tile::kOutputs;
  const int row = static_cast<int>(threadIdx.x) / kHalf * Tile::kOutputs,
            column = static_cast<int>(threadIdx.x) % kHalf * Tile::kOutputs;
  float sum[Tile::kOutputs][Tile::kOutputs] = {}, bias[Tile::kOutputs] = {};
  float next_doutputs[Tile::kLoads], next_inputs[Tile::kLoads];
  load_side(layer.doutput, 0, samples, layer.rows, first_row, next_doutputs);
  load_side(layer.input, 0, samples, layer.columns, first_column, next_inputs);
  for (std::int64_t n = 0; n < samples; n += Tile::kSamples) {
    __syncthreads();
    store_side(next_doutputs, doutputs);
    store_side(next_inputs, inputs);
    __syncthreads();
    load_side(layer.doutput, n + Tile::kSamples, samples, layer.rows, first_row, next_doutputs);
    load_side(layer.input, n + Tile::kSamples, samples, layer.columns, first_column, next_inputs);
#pragma unroll 8
    for (int i = 0; i < Tile::kSamples; ++i) {
      float d[Tile::kOutputs], x[Tile::kOutputs];
      load_floats(&doutputs[i][row], d);
      load_floats(&inputs[i][column], x);
#pragma unroll
      for (int r = 0; r < Tile::kOutputs; ++r) {
        bias[r] += d[r];
#pragma unroll
        for (int c = 0; c < Tile::kOutputs; ++c) sum[r][c] += d[r] * x[c];
      }
    }
  }
#pragma unroll
  for (int r = 0; r < Tile::kOutputs; ++r) {
    const int to_row = first_row + row + r;
    if (to_row >= layer.rows) continue;
    if (first_column + column == 0) add_gradient(layer.dbias[to_row], accumulate, bias[r]);
#pragma unroll
    for (int c = 0; c < Tile::kOutputs; ++c) {
      const int to_column = first_column + column + c;
      if (to_column >= layer.columns) continue;
      add_gradient(layer.dweight[std::int64_t{to_row} * layer.columns + to_column], accumulate, sum[r][c]);
    }
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
  launch(name, sample_outer_product_kernel,
         {.grid = {std::max(tiles(first), tiles(second)), 2}, .block = OuterTile::kThreads}, place, samples,
         first, second, accumulate);
}

}  // namespace cf::kernels::squeeze_excite_detail

// The small matrix products of squeeze_excite at place Cuda: values in float32 of N samples by C channels or
// D squeezed channels, with weights of T, on the tensor cores with about float32's precision
// (split_float.cuh). A warp takes 16 outputs of 8 or 16 samples and reads both operands where they lie, all
// it needs at once: such a product is a chain of latencies. All sums have a fixed order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/squeeze_excite/split_float.cuh"

namespace cf::kernels::squeeze_excite_detail {

struct ProductTile {
  static constexpr int kOutputs = 16, kSamples = 8;                  // of a product of the tensor cores
  static constexpr int kTermsOfLane = 8, kTerms = 4 * kTermsOfLane;  // of a step
  static constexpr int kSteps = 2;                                   // that a lane loads at once
  static constexpr int kParts = 16;                                  // of a long sum, each a warp's
  static constexpr int kWarpsOfShort = 8;                            // of a block, with outputs of their own
  static constexpr int kTilesOfShort = 2;                            // of samples
};

enum class WeightOrder { OutputsByTerms, TermsByOutputs };

// out[n, output] = sum_i weight[output, i] in[n, i]
template <class T>
struct Product {
  std::int64_t samples;
  int terms, outputs;
  const T* weight;
  const float* in;
};

// Of outputs `output` and the next, terms `term` and those behind it; zeros behind the last term. V:
// neighbouring elements that may be loaded at once. All loads are unconditional, so that they can be moved
// ahead of one another.
template <WeightOrder order, int V, class T>
__device__ inline void load_weights(const Product<T>& p, int output, int term,
                                    float (&weights)[2][ProductTile::kTermsOfLane]) {
  constexpr bool kByTerms = order == WeightOrder::OutputsByTerms;
  constexpr int kOutputsAtOnce = kByTerms || V == 1 ? 1 : 2, kTermsAtOnce = kByTerms ? V : 1;
#pragma unroll
  for (int o = 0; o < 2; o += kOutputsAtOnce) {
    const int from_output = min(output + o, p.outputs - kOutputsAtOnce);
#pragma unroll
    for (int i = 0; i < ProductTile::kTermsOfLane; i += kTermsAtOnce) {
      const int from_term = min(term + i, p.terms - kTermsAtOnce);
      const std::int64_t at = kByTerms ? std::int64_t{from_output} * p.terms + from_term
                                       : std::int64_t{from_term} * p.outputs + from_output;
      auto pack = load_pack<T, kOutputsAtOnce * kTermsAtOnce>(p.weight + at);
      if (term + i >= p.terms) pack = {};
#pragma unroll
      for (int j = 0; j < kOutputsAtOnce * kTermsAtOnce; ++j) {
        weights[kByTerms ? o : o + j][kByTerms ? i + j : i] = to_float(pack.value[j]);
      }
    }
  }
}

// Behind the last term anything of the sample's: the weight is zero there.
template <int V, class T>
__device__ inline void load_values(const Product<T>& p, std::int64_t sample, int term,
                                   float (&values)[ProductTile::kTermsOfLane]) {
  constexpr int kAtOnce = V == 1 ? 1 : kPack<float>;
  const float* const row = p.in + std::min(sample, p.samples - 1) * p.terms;
#pragma unroll
  for (int i = 0; i < ProductTile::kTermsOfLane; i += kAtOnce) {
    const auto pack = load_pack<float, kAtOnce>(row + min(term + i, p.terms - kAtOnce));
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) values[i + j] = pack.value[j];
  }
}

template <class T>
__device__ inline SplitFloat split_weight(float weight) {
  if constexpr (kFitsTf32<T>) {
    return {__float_as_uint(weight), 0};
  } else {
    return split(weight);
  }
}

// Adds the terms from `term` on in every stride-th step to sums[tile], whose rows are outputs 2g and, behind
// them, 2g + 1, whose columns are samples. Which of a step's terms the tensor cores take for which does not
// matter, as long as it is the same on both sides.
template <WeightOrder order, int V, class T, int kTiles>
__device__ inline void add_steps(const Product<T>& p, int output, std::int64_t sample, int first_term,
                                 int stride, float (&sums)[kTiles][4]) {
  using Tile = ProductTile;
  for (; first_term < p.terms; first_term += stride * Tile::kSteps) {
    float weights[Tile::kSteps][2][Tile::kTermsOfLane], values[Tile::kSteps][kTiles][Tile::kTermsOfLane];
#pragma unroll
    for (int step = 0; step < Tile::kSteps; ++step) {
      const int term = first_term + step * stride + static_cast<int>(threadIdx.x) % 4 * Tile::kTermsOfLane;
      load_weights<order, V>(p, output, term, weights[step]);
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        load_values<V>(p, sample + tile * Tile::kSamples, term, values[step][tile]);
      }
    }
#pragma unroll
    for (int step = 0; step < Tile::kSteps; ++step) {
#pragma unroll
      for (int i = 0; i < Tile::kTermsOfLane; i += 2) {
        const auto& w = weights[step];
        const SplitA a = {split_weight<T>(w[0][i]), split_weight<T>(w[1][i]), split_weight<T>(w[0][i + 1]),
                          split_weight<T>(w[1][i + 1])};
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const SplitB b = {split(values[step][tile][i]), split(values[step][tile][i + 1])};
          add_product<T>(sums[tile], a, b);
        }
      }
    }
  }
}

// finish(n, output, sum) for sums of few terms. Grid: (groups of outputs, groups of samples).
template <class T, WeightOrder order, int V, class Finish>
__global__ void __launch_bounds__(32 * ProductTile::kWarpsOfShort)
    short_product_kernel(Product<T> p, Finish finish) {
  using Tile = ProductTile;
  constexpr int kTiles = Tile::kTilesOfShort;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int output =
      (static_cast<int>(blockIdx.x) * Tile::kWarpsOfShort + warp) * Tile::kOutputs + lane / 4 * 2;
  const std::int64_t first_sample = std::int64_t{blockIdx.y} * (kTiles * Tile::kSamples);
  float sums[kTiles][4] = {};
  add_steps<order, V>(p, output, first_sample + lane / 4, 0, Tile::kTerms, sums);
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t sample = first_sample + tile * Tile::kSamples + lane % 4 * 2 + i % 2;
      if (sample < p.samples && output + i / 2 < p.outputs) {
        finish(sample, output + i / 2, sums[tile][i]);
      }
    }
  }
}

// The same for sums of many terms, of which each warp of a block adds a part.
template <class T, WeightOrder order, int V, int kTiles, class Finish>
__global__ void __launch_bounds__(32 * ProductTile::kParts) long_product_kernel(Product<T> p, Finish finish) {
  using Tile = ProductTile;
  constexpr int kSamples = kTiles * Tile::kSamples;
  constexpr int kStride = Tile::kOutputs + 4;  // for lanes that store to different banks
  __shared__ __align__(16) float part_sums[Tile::kParts][kSamples][kStride];
  const int lane = static_cast<int>(threadIdx.x) % 32, part = static_cast<int>(threadIdx.x) / 32;
  const int first_output = static_cast<int>(blockIdx.x) * Tile::kOutputs, row = lane / 4 * 2;
  const std::int64_t first_sample = std::int64_t{blockIdx.y} * kSamples;
  float sums[kTiles][4] = {};
  add_steps<order, V>(p, first_output + row, first_sample + lane / 4, part * Tile::kTerms,
                      Tile::kParts * Tile::kTerms, sums);
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      store_pack(&part_sums[part][tile * Tile::kSamples + lane % 4 * 2 + s][row],
                 Pack<float, 2>{{sums[tile][s], sums[tile][s + 2]}});
    }
  }
  __syncthreads();
  const int sample = static_cast<int>(threadIdx.x) / Tile::kOutputs,
            output = static_cast<int>(threadIdx.x) % Tile::kOutputs;
  if (sample >= kSamples || first_sample + sample >= p.samples || first_output + output >= p.outputs) {
    return;
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < Tile::kParts; ++i) sum += part_sums[i][sample][output];
  finish(first_sample + sample, first_output + output, sum);
}

template <WeightOrder order, class T, class Finish>
void multiply(std::string_view name, Cuda place, const Product<T>& p, const Finish& finish) {
  using Tile = ProductTile;
  const auto shape = [&](int warps, int outputs_of_block, int tiles) {
    const int samples_of_block = tiles * Tile::kSamples;
    return LaunchShape{.grid = {static_cast<unsigned>((p.outputs + outputs_of_block - 1) / outputs_of_block),
                                static_cast<unsigned>((p.samples + samples_of_block - 1) / samples_of_block)},
                       .block = static_cast<unsigned>(32 * warps)};
  };
  const auto run_long = [&]<int V, int kTiles>() {
    launch(name, long_product_kernel<T, order, V, kTiles, Finish>,
           shape(Tile::kParts, Tile::kOutputs, kTiles), place, p, finish);
  };
  const auto run = [&]<int V>() {
    constexpr unsigned kWantedBlocks =
        100;  // that nearly fill a GPU; then two tiles share the weights they read
    const dim3 grid = shape(Tile::kParts, Tile::kOutputs, 2).grid;
    if (p.terms <= p.outputs) {
      launch(name, short_product_kernel<T, order, V, Finish>,
             shape(Tile::kWarpsOfShort, Tile::kOutputs * Tile::kWarpsOfShort, Tile::kTilesOfShort), place, p,
             finish);
    } else if (grid.x * grid.y < kWantedBlocks) {
      run_long.template operator()<V, 1>();
    } else {
      run_long.template operator()<V, 2>();
    }
  };
  dispatch_pack<T>(std::gcd(p.terms, p.outputs), run, p.weight, p.in);
}

// finish(n, row, sum_i weight[row, i] in[n, i])
template <class T, class Finish>
void multiply_rows(std::string_view name, Cuda place, std::int64_t samples, int terms, int rows,
                   const T* weight, const float* in, const Finish& finish) {
  multiply<WeightOrder::OutputsByTerms>(name, place, Product<T>{samples, terms, rows, weight, in}, finish);
}

// finish(n, column, sum_i in[n, i] weight[i, column])
template <class T, class Finish>
void multiply_columns(std::string_view name, Cuda place, std::int64_t samples, int terms, int columns,
                      const T* weight, const float* in, const Finish& finish) {
  multiply<WeightOrder::TermsByOutputs>(name, place, Product<T>{samples, terms, columns, weight, in}, finish);
}

}  // namespace cf::kernels::squeeze_excite_detail

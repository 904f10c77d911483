// The small matrix products of squeeze_excite at place Cuda: values in float32 of N samples by C channels or
// D squeezed channels, with weights of T. A block takes 8 samples, so that each weight it reads serves 8
// sums; long sums go through shared memory in chunks. All sums have a fixed order.
#pragma once

#include <cstdint>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/base/reduce.cuh"

namespace cf::kernels::squeeze_excite_detail {

inline constexpr int kBlock = 256, kWarps = kBlock / 32;
inline constexpr int kSamples = 8;   // of a block
inline constexpr int kChunk = 1024;  // terms of a sum that are in shared memory at a time
inline constexpr int kRowsOfWarp = 2, kRowsOfBlock = kRowsOfWarp * kWarps;
inline constexpr int kColumns = 32;  // of a block, with a thread for each part of a column's sum

// The samples of a block, of [samples, terms].
struct Samples {
  const float* values;
  std::int64_t first, count;
  int terms;

  __device__ float at(int sample, int term) const {
    return first + sample < count ? values[(first + sample) * terms + term] : 0.0F;
  }
};

__device__ inline Samples samples_of_block(const float* values, std::int64_t samples, int terms) {
  return {values, std::int64_t{blockIdx.y} * kSamples, samples, terms};
}

// out[n, row] = finish(n, row, sum_i weight[row, i] in[n, i]), a warp for two rows: for long sums. V:
// neighbouring weights that a lane loads at once. Grid: (groups of rows, groups of samples).
template <class T, int V, class Finish>
__global__ void __launch_bounds__(kBlock) long_rows_kernel(std::int64_t samples, int terms, int rows,
                                                           const T* weight, const float* in, Finish finish) {
  constexpr int kChunk = 32 * V * (V == 1 ? 8 : 4), kPacks = kChunk / (32 * V);  // of a lane
  __shared__ __align__(16) float values[kSamples][kChunk];
  const Samples block = samples_of_block(in, samples, terms);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int first_row = static_cast<int>(blockIdx.x) * kRowsOfBlock + warp * kRowsOfWarp;
  float sum[kRowsOfWarp][kSamples] = {};
  for (int start = 0; start < terms; start += kChunk) {
    const int chunk = min(kChunk, terms - start);
    Pack<T, V> weights[kPacks]
                      [kRowsOfWarp];  // asked for before the values, whose barrier they would wait for
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
#pragma unroll
      for (int row = 0; row < kRowsOfWarp; ++row) {
        const int i = (pack * 32 + lane) * V, read = min(first_row + row, rows - 1);
        weights[pack][row] =
            load_pack<T, V>(weight + std::int64_t{read} * terms + start + (i < chunk ? i : 0));
      }
    }
    __syncthreads();
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < chunk; i += kBlock) {
      float value[kSamples];
#pragma unroll
      for (int sample = 0; sample < kSamples; ++sample) value[sample] = block.at(sample, start + i);
#pragma unroll
      for (int sample = 0; sample < kSamples; ++sample) values[sample][i] = value[sample];
    }
    __syncthreads();
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
      const int i = (pack * 32 + lane) * V;
      if (i >= chunk) break;
#pragma unroll
      for (int sample = 0; sample < kSamples; ++sample) {
        float value[V];
        load_floats(&values[sample][i], value);
#pragma unroll
        for (int row = 0; row < kRowsOfWarp; ++row) {
#pragma unroll
          for (int j = 0; j < V; ++j) sum[row][sample] += to_float(weights[pack][row].value[j]) * value[j];
        }
      }
    }
  }
#pragma unroll
  for (int row = 0; row < kRowsOfWarp; ++row) {
#pragma unroll
    for (int sample = 0; sample < kSamples; ++sample) {
      const float total = warp_sum(sum[row][sample]);
      const bool wanted = first_row + row < rows && block.first + sample < samples;
      if (lane == sample && wanted) finish(block.first + sample, first_row + row, total);
    }
  }
}

// Copies a chunk of the block's samples to [terms][kSamples].
__device__ inline void load_transposed(const Samples& block, int start, int chunk,
                                       float (*values)[kSamples]) {
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < chunk; i += static_cast<int>(blockDim.x)) {
    float value[kSamples];
#pragma unroll
    for (int sample = 0; sample < kSamples; ++sample) value[sample] = block.at(sample, start + i);
    store_floats(values[i], value);
  }
}

// sum[sample] += weight value[sample]
__device__ inline void add_products(float weight, const float (&value)[kSamples], float (&sum)[kSamples]) {
  float values[kSamples];
  load_floats(value, values);
#pragma unroll
  for (int sample = 0; sample < kSamples; ++sample) sum[sample] += weight * values[sample];
}

// The same product for short sums: a thread for each row.
template <class T, int V, class Finish>
__global__ void __launch_bounds__(kBlock) short_rows_kernel(std::int64_t samples, int terms, int rows,
                                                            const T* weight, const float* in, Finish finish) {
  __shared__ __align__(16) float values[kChunk][kSamples];
  const Samples block = samples_of_block(in, samples, terms);
  const int row = static_cast<int>(blockIdx.x) * kBlock + static_cast<int>(threadIdx.x);
  const T* const weights = weight + std::int64_t{min(row, rows - 1)} * terms;
  float sum[kSamples] = {};
  for (int start = 0; start < terms; start += kChunk) {
    const int chunk = min(kChunk, terms - start);
    __syncthreads();
    load_transposed(block, start, chunk, values);
    __syncthreads();
#pragma unroll 4
    for (int i = 0; i < chunk; i += V) {
      float pack[V];
      load_floats(weights + start + i, pack);
#pragma unroll
      for (int j = 0; j < V; ++j) add_products(pack[j], values[i + j], sum);
    }
  }
  if (row >= rows) return;
#pragma unroll
  for (int sample = 0; sample < kSamples; ++sample) {
    if (block.first + sample < samples) finish(block.first + sample, row, sum[sample]);
  }
}

// out[n, column] = finish(n, column, sum_i in[n, i] weight[i, column]).
template <class T, int kParts, class Finish>
__global__ void __launch_bounds__(kColumns* kParts)
    columns_kernel(std::int64_t samples, int terms, int columns, const T* weight, const float* in,
                   Finish finish) {
  __shared__ __align__(16) float values[kChunk][kSamples];
  __shared__ float part_sums[kParts][kSamples][kColumns];
  const Samples block = samples_of_block(in, samples, terms);
  const int lane = static_cast<int>(threadIdx.x) % kColumns, part = static_cast<int>(threadIdx.x) / kColumns;
  const int column = static_cast<int>(blockIdx.x) * kColumns + lane;
  const T* const weights = weight + min(column, columns - 1);
  float sum[kSamples] = {};
  for (int start = 0; start < terms; start += kChunk) {
    const int chunk = min(kChunk, terms - start);
    __syncthreads();
    load_transposed(block, start, chunk, values);
    __syncthreads();
#pragma unroll 8
    for (int i = part; i < chunk; i += kParts) {
      add_products(to_float(weights[std::int64_t{start + i} * columns]), values[i], sum);
    }
  }
#pragma unroll
  for (int sample = 0; sample < kSamples; ++sample) part_sums[part][sample][lane] = sum[sample];
  __syncthreads();
  const int sample = part;
  if (sample >= kSamples || column >= columns || block.first + sample >= samples) return;
  float total = 0;
#pragma unroll
  for (int i = 0; i < kParts; ++i) total += part_sums[i][sample][lane];
  finish(block.first + sample, column, total);
}

inline LaunchShape product_shape(std::int64_t samples, int outputs, int outputs_of_block,
                                 unsigned threads = kBlock) {
  return {.grid = {static_cast<unsigned>((outputs + outputs_of_block - 1) / outputs_of_block),
                   static_cast<unsigned>((samples + kSamples - 1) / kSamples)},
          .block = threads};
}

template <class T, class Finish>
void multiply_rows(std::string_view name, Cuda place, std::int64_t samples, int terms, int rows,
                   const T* weight, const float* in, const Finish& finish) {
  constexpr int kFewTerms = 256;
  dispatch_pack<T>(
      terms,
      [&]<int V>() {
        if (terms <= kFewTerms && rows >= kBlock) {
          launch(name, short_rows_kernel<T, V, Finish>, product_shape(samples, rows, kBlock), place, samples,
                 terms, rows, weight, in, finish);
        } else {
          launch(name, long_rows_kernel<T, V, Finish>, product_shape(samples, rows, kRowsOfBlock), place,
                 samples, terms, rows, weight, in, finish);
        }
      },
      weight);
}

template <class T, class Finish>
void multiply_columns(std::string_view name, Cuda place, std::int64_t samples, int terms, int columns,
                      const T* weight, const float* in, const Finish& finish) {
  constexpr int kFewTerms = 256;
  const auto run = [&]<int kParts>() {
    launch(name, columns_kernel<T, kParts, Finish>,
           product_shape(samples, columns, kColumns, kColumns * kParts), place, samples, terms, columns,
           weight, in, finish);
  };
  if (terms <= kFewTerms) {
    run.template operator()<8>();
  } else {
    run.template operator()<16>();
  }
}

}  // namespace cf::kernels::squeeze_excite_detail

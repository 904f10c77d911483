#include <algorithm>
#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/gemm/gemm_cuda.h"
#include "kernels/gemm/multiply_deep.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_check.h"
#include "kernels/linear/linear_statistics_wgmma.h"

namespace cf::kernels {

namespace {

constexpr int kBlock = 256;

// y = sums + bias of each column; y may be the sums.
template <class T>
__global__ void add_bias_kernel(const float* sums, const float* bias, std::int64_t elements,
                                std::int64_t columns, T* y) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < elements; i += stride) {
    y[i] = from_float<T>(sums[i] + bias[i % columns]);
  }
}

// Sums over rows in two stages: each slice of rows gives one partial row, and the partial rows are added in
// order.
struct ColumnSum {
  static constexpr int kColumns = 32, kLanes = 8;  // threads of a block: along columns, along rows
  static constexpr std::int64_t kRowsPerSlice = 256, kMostSlices = 256;

  static std::int64_t slices(std::int64_t rows) {
    return std::clamp<std::int64_t>((rows + kRowsPerSlice - 1) / kRowsPerSlice, 1, kMostSlices);
  }
};

// partial[slice, column] = sum of x[row, column] over the rows of slice blockIdx.y.
template <class T>
__global__ void sum_slices_kernel(const T* x, std::int64_t rows, std::int64_t columns,
                                  std::int64_t rows_per_slice, float* partial) {
  __shared__ float lanes[ColumnSum::kLanes][ColumnSum::kColumns];
  const std::int64_t column = std::int64_t{blockIdx.x} * ColumnSum::kColumns + threadIdx.x;
  const std::int64_t first = blockIdx.y * rows_per_slice;
  const std::int64_t last = first + rows_per_slice < rows ? first + rows_per_slice : rows;
  float sum = 0;
  if (column < columns) {
    for (std::int64_t row = first + threadIdx.y; row < last; row += ColumnSum::kLanes) {
      sum += to_float(x[row * columns + column]);
    }
  }
  lanes[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  for (int lane = 1; lane < ColumnSum::kLanes; ++lane) sum += lanes[lane][threadIdx.x];
  partial[blockIdx.y * columns + column] = sum;
}

__global__ void add_slices_kernel(const float* partial, std::int64_t slices, std::int64_t columns,
                                  float accumulate, float* sums) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  float sum = 0;
  for (std::int64_t slice = 0; slice < slices; ++slice) sum += partial[slice * columns + column];
  sums[column] = accumulate == 0 ? sum : accumulate * sums[column] + sum;
}

template <class T>
void sum_columns(Cuda place, const View<const T, M, K>& dy, float accumulate, float* partial, float* dbias) {
  const auto rows = dy.template extent<M>().value, columns = dy.template extent<K>().value;
  const auto slices = ColumnSum::slices(rows), rows_per_slice = (rows + slices - 1) / slices;
  const auto column_blocks = static_cast<unsigned>((columns + ColumnSum::kColumns - 1) / ColumnSum::kColumns);
  launch("linear dbias, slices", sum_slices_kernel<T>,
         {.grid = {column_blocks, static_cast<unsigned>(slices)},
          .block = {ColumnSum::kColumns, ColumnSum::kLanes}},
         place, dy.data(), rows, columns, rows_per_slice, partial);
  launch("linear dbias, sum of slices", add_slices_kernel,
         {.grid = static_cast<unsigned>((columns + kBlock - 1) / kBlock), .block = kBlock}, place, partial,
         slices, columns, accumulate, dbias);
}

// Sums that wait in the workspace for their bias, to be rounded once; float sums wait in y.
template <class T>
std::size_t unrounded_bytes(const LinearForward<T>& a) {
  if (!a.bias || std::is_same_v<T, float>) return 0;
  return padded_bytes(static_cast<std::size_t>(a.y.size()) * sizeof(float));
}

template <class T>
std::size_t partial_bytes(const LinearBackwardWeight<T>& a) {
  if (!a.dbias) return 0;
  const auto slices = ColumnSum::slices(a.dy.template extent<M>().value);
  return padded_bytes(static_cast<std::size_t>(slices * a.dy.template extent<K>().value) * sizeof(float));
}

// With mean and variance.
template <class T>
void with_statistics(Cuda place, const LinearForward<T>& a) {
  if constexpr (!std::is_same_v<T, float>) {
    if (takes_statistics_at_the_store(place, a)) return linear_statistics_by_wgmma(place, a);
  }
  LinearForward<T> product = a;
  product.mean = product.variance = {};
  linear(place, product);
  batch_norm(place, detail::statistics_of(a));
}

}  // namespace

template <class T>
void linear(Cuda place, const LinearForward<T>& a) {
  check(a);
  if (a.mean) return with_statistics(place, a);
  const auto rows = a.x.template extent<M>().value, columns = a.weight.template extent<K>().value;
  const std::size_t waiting = unrounded_bytes(a);
  std::byte* workspace = workspace_as<std::byte>("linear forward", a.workspace, waiting);
  void* sums = waiting == 0 ? static_cast<void*>(a.y.data()) : workspace;
  multiply(place,
           {.in = kDType<T>,
            .out = a.bias ? DType::Float32 : kDType<T>,
            .rows = rows,
            .columns = columns,
            .depth = a.x.template extent<C>().value,
            .a = a.x.data(),
            .b = a.weight.data(),
            .b_transposed = true,
            .result = sums},
           a.workspace.subspan(waiting));
  if (!a.bias) return;
  launch("linear bias", add_bias_kernel<T>, {.grid = grid_for(a.y.size(), kBlock), .block = kBlock}, place,
         static_cast<const float*>(sums), a.bias.data(), a.y.size(), columns, a.y.data());
}

template <class T>
void linear(Cuda place, const LinearBackwardInput<T>& a) {
  check(a);
  multiply(place,
           {.in = kDType<T>,
            .out = kDType<T>,
            .rows = a.dy.template extent<M>().value,
            .columns = a.weight.template extent<C>().value,
            .depth = a.weight.template extent<K>().value,
            .a = a.dy.data(),
            .b = a.weight.data(),
            .result = a.dx.data(),
            .addend = a.added.data()},
           a.workspace);
}

template <class T>
void linear(Cuda place, const LinearBackwardWeight<T>& a) {
  check(a);
  const std::size_t partials = partial_bytes(a);
  float* partial = workspace_as<float>("linear backward weight", a.workspace, partials / sizeof(float));
  multiply_deep(place,
                {.in = kDType<T>,
                 .out = DType::Float32,
                 .rows = a.dy.template extent<K>().value,
                 .columns = a.x.template extent<C>().value,
                 .depth = a.x.template extent<M>().value,
                 .a = a.dy.data(),
                 .b = a.x.data(),
                 .a_transposed = true,
                 .result = a.dweight.data(),
                 .beta = a.accumulate},
                a.workspace.subspan(partials));
  if (a.dbias) sum_columns(place, a.dy, a.accumulate, partial, a.dbias.data());
}

template <class T>
std::size_t workspace_bytes(Cuda place, const LinearForward<T>& a) {
  if constexpr (!std::is_same_v<T, float>) {
    if (a.mean && takes_statistics_at_the_store(place, a)) return statistics_wgmma_bytes(place, a);
  }
  const auto product = unrounded_bytes(a) + gemm_workspace_bytes(a.x.template extent<M>().value,
                                                                 a.weight.template extent<K>().value);
  return a.mean ? std::max(product, workspace_bytes(place, detail::statistics_of(a))) : product;
}

template <class T>
std::size_t workspace_bytes(Cuda, const LinearBackwardInput<T>& a) {
  return gemm_workspace_bytes(a.dy.template extent<M>().value, a.weight.template extent<C>().value);
}

template <class T>
std::size_t workspace_bytes(Cuda, const LinearBackwardWeight<T>& a) {
  return partial_bytes(a) +
         gemm_workspace_bytes(a.dy.template extent<K>().value, a.x.template extent<C>().value);
}

#define CF_INSTANTIATE(T)                                                    \
  template void linear(Cuda, const LinearForward<T>&);                       \
  template void linear(Cuda, const LinearBackwardInput<T>&);                 \
  template void linear(Cuda, const LinearBackwardWeight<T>&);                \
  template std::size_t workspace_bytes(Cuda, const LinearForward<T>&);       \
  template std::size_t workspace_bytes(Cuda, const LinearBackwardInput<T>&); \
  template std::size_t workspace_bytes(Cuda, const LinearBackwardWeight<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

// A warp computes one column of the result for all rows, its lanes eight terms of the sum at a time.
#include "kernels/base/alignment.h"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/folded_linear/folded_linear_few_rows.h"

namespace cf::kernels {

namespace {

constexpr int kThreads = 128, kWarp = 32, kTerms = 8;

template <class T>
struct FewRows {
  const T *x, *weight, *bias, *residual;  // residual may be null
  T* y;
  int rows, columns, depth;
  bool relu;
};

template <class T, int kRows>
__global__ void __launch_bounds__(kThreads) few_rows_kernel(FewRows<T> a) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
  const int column = static_cast<int>(blockIdx.x) * (kThreads / kWarp) + thread / kWarp;
  if (column >= a.columns) return;
  const T* const weights = a.weight + std::int64_t{column} * a.depth;
  float sum[kRows] = {};
#pragma unroll 4
  for (int at = lane * kTerms; at < a.depth; at += kWarp * kTerms) {
    float weight[kTerms];
    load_floats(weights + at, weight);
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float x[kTerms];
      load_floats(a.x + std::int64_t{min(row, a.rows - 1)} * a.depth + at, x);
#pragma unroll
      for (int i = 0; i < kTerms; ++i) sum[row] += x[i] * weight[i];
    }
  }
#pragma unroll
  for (int row = 0; row < kRows; ++row) {
    float value = warp_sum(sum[row]) + to_float(a.bias[column]);
    if (lane != 0 || row >= a.rows) continue;
    const std::int64_t at = std::int64_t{row} * a.columns + column;
    if (a.residual != nullptr) value += to_float(a.residual[at]);
    if (a.relu && !(value > 0)) value = 0;
    a.y[at] = from_float<T>(value);
  }
}

}  // namespace

template <class T>
bool folded_linear_few_rows(Cuda place, const FoldedLinear<T>& a) {
  constexpr std::int64_t kMostRows = 4, kMostExtent = std::int64_t{1} << 30;
  const std::int64_t rows = a.x.template extent<M>().value, depth = a.x.template extent<C>().value,
                     columns = a.weight.template extent<K>().value;
  const bool activates = a.activation != Activation::None;
  if (rows < 1 || rows > kMostRows || depth % kTerms != 0 || columns > kMostExtent) return false;
  if ((activates && a.activation != Activation::Relu) || !aligned_to(16, a.x.data(), a.weight.data())) {
    return false;
  }
  const FewRows<T> arguments{.x = a.x.data(),
                             .weight = a.weight.data(),
                             .bias = a.bias.data(),
                             .residual = a.residual.data(),
                             .y = a.y.data(),
                             .rows = static_cast<int>(rows),
                             .columns = static_cast<int>(columns),
                             .depth = static_cast<int>(depth),
                             .relu = activates};
  constexpr int kColumns = kThreads / kWarp;
  dispatch<1, 2, 4>("rows", static_cast<int>(rows == 3 ? 4 : rows), [&]<int kRows>() {
    launch("folded_linear, few rows", few_rows_kernel<T, kRows>,
           {.grid = static_cast<unsigned>((columns + kColumns - 1) / kColumns), .block = kThreads}, place,
           arguments);
  });
  return true;
}

#define CF_INSTANTIATE(T) template bool folded_linear_few_rows(Cuda, const FoldedLinear<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

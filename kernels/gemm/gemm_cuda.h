// Matrix products at place Cuda, by cuBLASLt: row-major, sums in float, the same bits in every run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

//   out[row, column] = beta out[row, column] + sum_i a[row, i] b[i, column]
//
// or, for the end of a layer, where `bias`, `relu` or `addend` are given:
//
//   out[row, column] = max(sum_i a[row, i] b[i, column] + bias[column] + addend[row, column], 0)
//
// each part where it is given. beta = 0 overwrites, NaN too. Without depth the sum is zero. Pointers need no
// more than their element's alignment; 16 bytes are faster.
struct Gemm {
  DType in = DType::Float32;   // of a and b
  DType out = DType::Float32;  // of the result: `in` or Float32
  std::int64_t rows = 0, columns = 0, depth = 0;
  const void* a = nullptr;    // [rows, depth]
  const void* b = nullptr;    // [depth, columns]
  bool a_transposed = false;  // a lies in memory as [depth, rows]
  bool b_transposed = false;  // b lies in memory as [columns, depth]
  void* result = nullptr;     // [rows, columns]
  float beta = 0;
  // So many products, whose matrices lie the strides (in elements) behind each other.
  std::int64_t batch = 1, a_stride = 0, b_stride = 0, result_stride = 0;
  // Of type `out`; beta must be 0 and the depth positive. An addend and relu exclude each other.
  const void* bias = nullptr;    // [columns]
  bool relu = false;             // only with a bias
  const void* addend = nullptr;  // [rows, columns]; may be the result
};

// Depends on the extents alone, so that the choice of the algorithm does too.
std::size_t gemm_workspace_bytes(std::int64_t rows, std::int64_t columns);

// The workspace is of gemm_workspace_bytes, or empty.
void multiply(Cuda place, const Gemm& gemm, Workspace workspace);

}  // namespace cf::kernels

// A matrix product in the terms of cuBLASLt: what it computes, and what its algorithm may do.
#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <utility>

#include "kernels/base/launch.cuh"
#include "kernels/gemm/gemm_cuda.h"

namespace cf::kernels::cublaslt {

inline void check_cublas(cublasStatus_t status, std::string_view call) {
  CF_CHECK_AS(ErrorKind::Device, status == CUBLAS_STATUS_SUCCESS, call, ": ", cublasLtGetStatusName(status),
              ", ", cublasLtGetStatusString(status));
}

// Lives as long as the process: at exit the driver may be gone before a destructor runs.
inline cublasLtHandle_t handle() {
  static const cublasLtHandle_t made = [] {
    cublasLtHandle_t created = nullptr;
    check_cublas(cublasLtCreate(&created), "cublasLtCreate");
    return created;
  }();
  return made;
}

inline cudaDataType_t cuda_type(DType type) {
  switch (type) {
    case DType::Float32:
      return CUDA_R_32F;
    case DType::Float16:
      return CUDA_R_16F;
    case DType::BFloat16:
      return CUDA_R_16BF;
    default:
      fail(ErrorKind::Internal, "gemm: no product of ", name_of(type), " on the GPU");
  }
}

inline std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 16U;  // more than 16 gains nothing
  return static_cast<std::uint32_t>(address & (~address + 1));
}

// What the library adds to the product, times beta.
inline const void* addend_of(const Gemm& g) { return g.addend != nullptr ? g.addend : g.result; }

// The product as cuBLASLt sees it. It is column-major, and a row-major matrix is the transposed column-major
// one: result^T = b^T a^T, so that its A is our b and its B is our a.
class Problem {
 public:
  Problem(Cuda place, const Gemm& g) {
    const auto compute =
        g.in == DType::Float32 && place.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    check_cublas(cublasLtMatmulDescInit(&operation, compute, CUDA_R_32F), "cublasLtMatmulDescInit");
    set(CUBLASLT_MATMUL_DESC_TRANSA, g.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, g.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (place.sm_limit > 0) set(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, std::int32_t{place.sm_limit});
    describe(first, g.in, g.columns, g.depth, g.b_transposed);
    describe(second, g.in, g.depth, g.rows, g.a_transposed);
    describe(result, g.out, g.columns, g.rows, false);
    if (g.bias != nullptr) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, g.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, g.bias);
    }
    if (g.batch == 1) return;
    repeat(first, g.batch, g.b_stride);
    repeat(second, g.batch, g.a_stride);
    repeat(result, g.batch, g.result_stride);
  }

  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t first, second, result;

 private:
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, Value value) {
    check_cublas(cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
  }

  static void describe(cublasLtMatrixLayoutOpaque_t& layout, DType type, std::int64_t rows,
                       std::int64_t columns, bool transposed) {
    if (transposed) std::swap(rows, columns);
    check_cublas(cublasLtMatrixLayoutInit(&layout, cuda_type(type), static_cast<std::uint64_t>(rows),
                                          static_cast<std::uint64_t>(columns), rows),
                 "cublasLtMatrixLayoutInit");
  }

  static void repeat(cublasLtMatrixLayoutOpaque_t& layout, std::int64_t batch, std::int64_t stride) {
    const auto count = static_cast<std::int32_t>(batch);
    check_cublas(
        cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
        "cublasLtMatrixLayoutSetAttribute");
    check_cublas(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                  &stride, sizeof stride),
                 "cublasLtMatrixLayoutSetAttribute");
  }
};

class Preference {
 public:
  Preference(const Gemm& g, std::size_t workspace_size) {
    check_cublas(cublasLtMatmulPreferenceInit(&preference_), "cublasLtMatmulPreferenceInit");
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(workspace_size));
    // Partial sums may go through the workspace, added there in order; no sum in place, by whoever comes
    // first.
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(g.b));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(g.a));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(addend_of(g)));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(g.result));
  }
  cublasLtMatmulPreference_t get() { return &preference_; }

 private:
  template <class Value>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, Value value) {
    check_cublas(cublasLtMatmulPreferenceSetAttribute(&preference_, attribute, &value, sizeof value),
                 "cublasLtMatmulPreferenceSetAttribute");
  }

  cublasLtMatmulPreferenceOpaque_t preference_;
};

}  // namespace cf::kernels::cublaslt

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "kernels/base/launch.cuh"
#include "kernels/gemm/gemm_cuda.h"

namespace cf::kernels {

namespace {

void check_cublas(cublasStatus_t status, std::string_view call) {
  CF_CHECK_AS(ErrorKind::Device, status == CUBLAS_STATUS_SUCCESS, call, ": ", cublasLtGetStatusName(status),
              ", ", cublasLtGetStatusString(status));
}

// Lives as long as the process: at exit the driver may be gone before a destructor runs.
cublasLtHandle_t handle() {
  static const cublasLtHandle_t made = [] {
    cublasLtHandle_t created = nullptr;
    check_cublas(cublasLtCreate(&created), "cublasLtCreate");
    return created;
  }();
  return made;
}

cudaDataType_t cuda_type(DType type) {
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

std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 16U;  // more than 16 gains nothing
  return static_cast<std::uint32_t>(address & (~address + 1));
}

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
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(g.result));
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

cublasLtMatmulAlgo_t find_algorithm(const Gemm& g, Problem& problem, std::size_t workspace_size) {
  Preference preference(g, workspace_size);
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const auto status =
      cublasLtMatmulAlgoGetHeuristic(handle(), &problem.operation, &problem.first, &problem.second,
                                     &problem.result, &problem.result, preference.get(), 1, &found, &count);
  CF_CHECK_AS(ErrorKind::Device, status == CUBLAS_STATUS_SUCCESS && count == 1,
              "gemm: cuBLASLt has no algorithm for ", g.rows, " x ", g.columns, " x ", g.depth, " of ",
              name_of(g.in), " to ", name_of(g.out), ": ", cublasLtGetStatusName(status));
  return found.algo;
}

// All that the choice of an algorithm depends on.
using Key = std::array<std::int64_t, 13>;

Key key_of(Cuda place, const Gemm& g) {
  int device = 0;
  CF_CUDA(cudaGetDevice(&device));
  return {device,
          static_cast<int>(g.in),
          static_cast<int>(g.out),
          g.rows,
          g.columns,
          g.depth,
          g.a_transposed,
          g.b_transposed,
          alignment_of(g.a),
          alignment_of(g.b),
          alignment_of(g.result),
          place.tf32,
          place.sm_limit};
}

cublasLtMatmulAlgo_t algorithm_for(Cuda place, const Gemm& g, Problem& problem, std::size_t workspace_size) {
  static std::mutex mutex;
  static std::map<Key, cublasLtMatmulAlgo_t> known;
  const Key key = key_of(place, g);
  const std::lock_guard lock(mutex);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, find_algorithm(g, problem, workspace_size)).first->second;
}

}  // namespace

std::size_t gemm_workspace_bytes(std::int64_t rows, std::int64_t columns) {
  // Room for 32 partial sums of the result.
  constexpr std::int64_t kLeast = 64 << 10, kMost = 32 << 20;
  const std::int64_t elements = std::min(rows * columns, kMost);
  const auto bytes = std::clamp<std::int64_t>(32 * 4 * elements, kLeast, kMost);
  return static_cast<std::size_t>((bytes + 255) / 256 * 256);
}

void multiply(Cuda place, const Gemm& g, Workspace workspace) {
  if (g.rows == 0 || g.columns == 0) return;
  if (g.depth == 0) {
    if (g.beta == 0) {
      const auto bytes = static_cast<std::size_t>(g.rows * g.columns * size_of(g.out));
      CF_CUDA(cudaMemsetAsync(g.result, 0, bytes, place.stream));
    }
    return;
  }
  const std::size_t workspace_size = gemm_workspace_bytes(g.rows, g.columns);
  std::byte* scratch = workspace_as<std::byte>("gemm", workspace, workspace_size);
  Problem problem(place, g);
  const cublasLtMatmulAlgo_t algorithm = algorithm_for(place, g, problem, workspace_size);
  const float alpha = 1;
  check_cublas(cublasLtMatmul(handle(), &problem.operation, &alpha, g.b, &problem.first, g.a, &problem.second,
                              &g.beta, g.result, &problem.result, g.result, &problem.result, &algorithm,
                              scratch, workspace_size, place.stream),
               "cublasLtMatmul");
  if (waits_for_every_launch()) check_cuda(cudaStreamSynchronize(place.stream), "cublasLtMatmul");
}

}  // namespace cf::kernels

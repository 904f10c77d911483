#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <string>

#include "kernels/base/launch.cuh"
#include "kernels/gemm/algorithm_table.h"
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

// What the library adds to the product, times beta.
const void* addend_of(const Gemm& g) { return g.addend != nullptr ? g.addend : g.result; }

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

// 0 for what is absent.
std::int64_t alignment_or_zero(const void* pointer) { return pointer == nullptr ? 0 : alignment_of(pointer); }

// All that the choice of an algorithm depends on.
using Key = std::array<std::int64_t, 18>;

Key key_of(Cuda place, const Gemm& g, std::size_t workspace_size) {
  int device = 0;
  CF_CUDA(cudaGetDevice(&device));
  return {device,
          static_cast<int>(g.in),
          static_cast<int>(g.out),
          g.rows,
          g.columns,
          g.depth,
          g.batch,
          static_cast<std::int64_t>(workspace_size),
          g.a_transposed,
          g.b_transposed,
          g.relu,
          alignment_of(g.a),
          alignment_of(g.b),
          alignment_of(g.result),
          alignment_or_zero(g.bias),
          alignment_or_zero(g.addend),
          place.tf32,
          place.sm_limit};
}

// A choice, and whether it was made or checked by this process.
struct Choice {
  cublasLtMatmulAlgo_t algorithm;
  bool checked;
};

struct AlgorithmTable {
  std::mutex mutex;
  std::map<Key, Choice> choices;
};

AlgorithmTable& table() {
  static AlgorithmTable made;
  return made;
}

void check_algorithm(Problem& problem, const cublasLtMatmulAlgo_t& algorithm, std::size_t workspace_size) {
  cublasLtMatmulHeuristicResult_t result{};
  const auto status = cublasLtMatmulAlgoCheck(handle(), &problem.operation, &problem.first, &problem.second,
                                              &problem.result, &problem.result, &algorithm, &result);
  CF_CHECK_AS(
      ErrorKind::Checkpoint, status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace_size,
      "the checkpoint's algorithm of a matrix product does not run here: ", cublasLtGetStatusName(status),
      ", workspace ", result.workspaceSize, " of ", workspace_size, " bytes");
}

cublasLtMatmulAlgo_t algorithm_for(Cuda place, const Gemm& g, Problem& problem, std::size_t workspace_size) {
  const Key key = key_of(place, g, workspace_size);
  const std::lock_guard lock(table().mutex);
  const auto found = table().choices.find(key);
  if (found == table().choices.end()) {
    const cublasLtMatmulAlgo_t chosen = find_algorithm(g, problem, workspace_size);
    table().choices.emplace(key, Choice{chosen, true});
    return chosen;
  }
  if (!found->second.checked) check_algorithm(problem, found->second.algorithm, workspace_size);
  found->second.checked = true;
  return found->second.algorithm;
}

// Of a choice as text: the key without the device, then the words of the algorithm.
constexpr std::size_t kLineNumbers = std::tuple_size_v<Key> - 1 + std::size(cublasLtMatmulAlgo_t{}.data);

std::string where_choices_hold() {
  int device = 0;
  cudaDeviceProp properties{};
  CF_CUDA(cudaGetDevice(&device));
  CF_CUDA(cudaGetDeviceProperties(&properties, device));
  return concat("cuBLASLt ", cublasLtGetVersion(), " on ", properties.name, ", lines of ", kLineNumbers,
                " numbers");
}

Choice read_choice(std::istringstream& line, Key& key) {
  Choice choice{{}, false};
  for (std::size_t i = 1; i < key.size(); ++i) line >> key[i];
  for (auto& word : choice.algorithm.data) line >> word;
  CF_CHECK_AS(ErrorKind::Checkpoint, !line.fail(), "the algorithms of the matrix products are malformed: '",
              line.str(), "', must be ", kLineNumbers, " numbers");
  return choice;
}

}  // namespace

std::string gemm_algorithms() {
  const std::lock_guard lock(table().mutex);
  if (table().choices.empty()) return {};
  std::ostringstream text;
  text << where_choices_hold() << '\n';
  for (const auto& [key, choice] : table().choices) {
    for (std::size_t i = 1; i < key.size(); ++i) text << key[i] << ' ';
    for (const auto word : choice.algorithm.data) text << word << ' ';
    text << '\n';
  }
  return text.str();
}

std::string use_gemm_algorithms(std::string_view text) {
  if (text.empty()) return {};
  std::istringstream lines{std::string(text)};
  std::string line;
  std::getline(lines, line);
  if (const std::string here = where_choices_hold(); line != here)
    return concat("chosen for ", line, ", not for ", here);
  int device = 0;
  CF_CUDA(cudaGetDevice(&device));
  std::map<Key, Choice> choices;
  while (std::getline(lines, line)) {
    std::istringstream numbers(line);
    Key key{device};
    const Choice choice = read_choice(numbers, key);
    choices.insert_or_assign(key, choice);
  }
  const std::lock_guard lock(table().mutex);
  for (const auto& [key, choice] : choices) table().choices.insert_or_assign(key, choice);
  return {};
}

std::size_t gemm_workspace_bytes(std::int64_t rows, std::int64_t columns) {
  // Room for 32 partial sums of the result.
  constexpr std::int64_t kLeast = 64 << 10, kMost = 32 << 20;
  const std::int64_t elements = std::min(rows * columns, kMost);
  const auto bytes = std::clamp<std::int64_t>(32 * 4 * elements, kLeast, kMost);
  return static_cast<std::size_t>((bytes + 255) / 256 * 256);
}

void multiply(Cuda place, const Gemm& g, Workspace workspace) {
  CF_CHECK((g.bias != nullptr || !g.relu) && (g.addend == nullptr || (!g.relu && g.beta == 0)),
           "gemm: relu goes with a bias, and an addend with neither relu nor beta");
  if (g.rows == 0 || g.columns == 0) return;
  if (g.depth == 0) {
    CF_CHECK(g.bias == nullptr && g.addend == nullptr, "gemm: a bias or an addend without depth");
    if (g.beta == 0) {
      const auto bytes = static_cast<std::size_t>(g.rows * g.columns * size_of(g.out));
      CF_CUDA(cudaMemsetAsync(g.result, 0, bytes, place.stream));
    }
    return;
  }
  const std::size_t workspace_size = workspace.empty() ? 0 : gemm_workspace_bytes(g.rows, g.columns);
  std::byte* scratch = workspace_as<std::byte>("gemm", workspace, workspace_size);
  Problem problem(place, g);
  const cublasLtMatmulAlgo_t algorithm = algorithm_for(place, g, problem, workspace_size);
  const float alpha = 1, beta = g.addend != nullptr ? 1 : g.beta;
  check_cublas(cublasLtMatmul(handle(), &problem.operation, &alpha, g.b, &problem.first, g.a, &problem.second,
                              &beta, addend_of(g), &problem.result, g.result, &problem.result, &algorithm,
                              scratch, workspace_size, place.stream),
               "cublasLtMatmul");
  if (waits_for_every_launch()) check_cuda(cudaStreamSynchronize(place.stream), "cublasLtMatmul");
}

}  // namespace cf::kernels

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <string>

#include "kernels/gemm/algorithm_table.h"
#include "kernels/gemm/cublaslt_problem.cuh"
#include "kernels/gemm/gemm_cuda.h"

namespace cf::kernels {

namespace {

using cublaslt::addend_of, cublaslt::alignment_of, cublaslt::check_cublas, cublaslt::handle,
    cublaslt::Preference, cublaslt::Problem;

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

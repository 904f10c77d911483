#include <gtest/gtest.h>

#include "kernels/all_cases.h"
#include "kernels/gemm/algorithm_table.h"
#include "tests/kernels/case_runner.h"
#include "tests/kernels/device_memory.h"

namespace cf::kernels {
namespace {

TEST(GemmAlgorithms, NothingIsNothing) { EXPECT_EQ(use_gemm_algorithms(""), ""); }

#ifdef CF_WITH_CUDA

void run_linear_cases() {
  for (const Case& c : linear_cases()) {
    if (c.benchmark_only) continue;
    for (const auto& complaint : check_case_on_cuda(c)) ADD_FAILURE() << c.name << ": " << complaint;
  }
}

TEST(GemmAlgorithms, GoThroughTextAndRun) {
  if (const auto missing = missing_gpu(); !missing.empty()) GTEST_SKIP() << missing;
  run_linear_cases();
  const std::string text = gemm_algorithms();
  ASSERT_FALSE(text.empty());
  EXPECT_EQ(use_gemm_algorithms(text), "");
  run_linear_cases();
  EXPECT_EQ(gemm_algorithms(), text);
}

TEST(GemmAlgorithms, OfElsewhereAreRefusedAndMalformedOnesAnError) {
  if (const auto missing = missing_gpu(); !missing.empty()) GTEST_SKIP() << missing;
  run_linear_cases();
  const std::string text = gemm_algorithms();
  const std::string header = text.substr(0, text.find('\n') + 1);
  EXPECT_NE(use_gemm_algorithms("cuBLASLt 1 on another GPU\n"), "");
  EXPECT_THROW(use_gemm_algorithms(header + "0 0 1 x"), Error);
  EXPECT_EQ(gemm_algorithms(), text);
}

#endif

}  // namespace
}  // namespace cf::kernels

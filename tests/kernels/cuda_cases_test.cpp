// Every kernel's cases at place Cuda.
#ifdef CF_WITH_CUDA
#include <gtest/gtest.h>

#include "kernels/all_cases.h"
#include "tests/kernels/case_runner.h"
#include "tests/kernels/device_memory.h"

namespace cf::kernels {
namespace {

std::vector<Case> cuda_cases() {
  auto cases = all_cases();
  std::erase_if(cases, [](const Case& c) { return c.benchmark_only || !c.on_cuda; });
  return cases;
}

class CudaKernelCase : public testing::TestWithParam<Case> {};

TEST_P(CudaKernelCase, MatchesTheReference) {
  if (const auto missing = missing_gpu(); !missing.empty()) GTEST_SKIP() << missing;
  for (const auto& complaint : check_case_on_cuda(GetParam()))
    ADD_FAILURE() << GetParam().name << ": " << complaint;
}

INSTANTIATE_TEST_SUITE_P(All, CudaKernelCase, testing::ValuesIn(cuda_cases()), test_name);

TEST(CudaCases, AreAllCases) {
  for (const auto& c : all_cases()) EXPECT_TRUE(c.on_cuda) << c.name;
}

}  // namespace
}  // namespace cf::kernels
#endif

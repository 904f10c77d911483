// Every kernel's cases, at every place and type.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "kernels/all_cases.h"
#include "tests/kernels/case_runner.h"

namespace cf::kernels {
namespace {

std::vector<Case> test_cases() {
  auto cases = all_cases();
  std::erase_if(cases, [](const Case& c) { return c.benchmark_only; });
  return cases;
}

class KernelCase : public testing::TestWithParam<Case> {};

TEST_P(KernelCase, MatchesTheReference) {
  for (const auto& complaint : check_case(GetParam())) ADD_FAILURE() << GetParam().name << ": " << complaint;
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, KernelCase, testing::ValuesIn(test_cases()), test_name);

TEST(Cases, HaveDistinctNames) {
  std::vector<std::string> names;
  for (const auto& c : all_cases()) names.push_back(c.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  EXPECT_EQ(twice, names.end()) << *twice;
}

}  // namespace

}  // namespace cf::kernels

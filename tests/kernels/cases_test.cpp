// Every kernel's cases, at every place and type.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/all_cases.h"
#include "tests/kernels/case_runner.h"

namespace cf::kernels {
namespace {

// ThreadSanitizer looks for races, which loops in one thread cannot have: place Cpu alone runs under it.
#if defined(__SANITIZE_THREAD__)
constexpr bool kFindsRaces = true;
#elif defined(__has_feature)
constexpr bool kFindsRaces = __has_feature(thread_sanitizer);
#else
constexpr bool kFindsRaces = false;
#endif

// One of those that only place Cuda tells apart.
std::vector<Case> test_cases() {
  std::vector<Case> cases;
  std::set<std::string> names;
  for (Case& c : all_cases()) {
    if (!c.benchmark_only && names.insert(c.host_name).second) cases.push_back(std::move(c));
  }
  return cases;
}

class KernelCase : public testing::TestWithParam<Case> {};

TEST_P(KernelCase, MatchesTheReference) {
  const auto complaints = kFindsRaces ? check_case_on_cpu(GetParam()) : check_case(GetParam());
  for (const auto& complaint : complaints) ADD_FAILURE() << GetParam().name << ": " << complaint;
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

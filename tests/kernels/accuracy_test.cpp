#include "kernels/accuracy/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace cf::kernels {
namespace {

std::vector<std::int64_t> ranks(const std::vector<float>& logits, const std::vector<std::int64_t>& labels) {
  const N samples{static_cast<std::int64_t>(labels.size())};
  const K classes{static_cast<std::int64_t>(logits.size()) / samples.value};
  std::vector<std::int64_t> at_cpu(labels.size()), at_reference(labels.size());
  Threads threads(2);
  const View<const float, N, K> rows(logits.data(), samples, classes);
  accuracy(
      Cpu{&threads},
      LabelRank<float>{.logits = rows, .labels = {labels.data(), samples}, .rank = {at_cpu.data(), samples}});
  accuracy(Reference{},
           LabelRank<float>{
               .logits = rows, .labels = {labels.data(), samples}, .rank = {at_reference.data(), samples}});
  EXPECT_EQ(at_cpu, at_reference);
  return at_cpu;
}

constexpr float kInfinity = HUGE_VALF;

TEST(Accuracy, CountsLargerLogits) {
  EXPECT_EQ(ranks({1, 4, 3, 2, 1, 4, 3, 2}, {1, 0}), (std::vector<std::int64_t>{0, 3}));
}

TEST(Accuracy, TiesGoToTheLowerClass) {
  EXPECT_EQ(ranks({2, 2, 2, 1, 2, 2, 2, 1}, {0, 2}), (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(ranks({0, 0, 0}, {1}), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(ranks({kInfinity, kInfinity}, {1}), (std::vector<std::int64_t>{1}));
}

TEST(Accuracy, ANaNBeatsEveryNumber) {
  const float nan = std::nanf("");
  EXPECT_EQ(ranks({nan, 9, 1, kInfinity}, {3}), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(ranks({5, 9, 1, nan}, {1}), (std::vector<std::int64_t>{1}));
}

TEST(Accuracy, ANaNAtTheLabelRanksBehindAll) {
  const float nan = std::nanf("");
  EXPECT_EQ(ranks({nan, 9, 1, 3}, {0}), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(ranks({nan, nan, nan}, {0}), (std::vector<std::int64_t>{3}));
}

TEST(Accuracy, AWrongLabelIsADataErrorThatNamesTheSample) {
  try {
    ranks({1, 2, 3, 4}, {1, 2});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Data);
    EXPECT_STREQ(error.what(), "accuracy: the label of sample 1 is 2, must be in [0, 2)");
  }
}

}  // namespace
}  // namespace cf::kernels

#include "apps/train/data_verdict.h"

#include <gtest/gtest.h>

namespace cf::apps {
namespace {

constexpr data::StageSeconds kStages{.read = 1, .decode = 6, .resize = 2, .augment = 1};

TEST(DataVerdict, NamesEpochShareThreadsAndTheLongestStage) {
  const std::string text = data_verdict(3, 30, 120, 4, kStages);
  for (const char* part :
       {"25 %", "epoch 3", "4 threads", "data.threads", "decoding takes 60 %", "--shorter-side"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
  EXPECT_NE(data_verdict(1, 1, 1, 1, kStages).find("1 thread prepared"), std::string::npos);
  const std::string slow_disk = data_verdict(1, 1, 1, 1, {.read = 3, .decode = 1});
  EXPECT_NE(slow_disk.find("reading takes 75 %"), std::string::npos) << slow_disk;
}

TEST(DataVerdict, IsSilentWhereDataWasNotTheLimit) {
  EXPECT_EQ(data_verdict(1, 0.9, 10, 4, kStages), "");
  EXPECT_EQ(data_verdict(1, 0, 10, 4, kStages), "");
  EXPECT_NE(data_verdict(1, 1.0, 10, 4, kStages), "");
}

}  // namespace
}  // namespace cf::apps

#include "apps/train/data_verdict.h"

#include <gtest/gtest.h>

namespace cf::apps {
namespace {

TEST(DataVerdict, NamesEpochShareAndThreads) {
  const std::string text = data_verdict(3, 30, 120, 4);
  for (const char* part : {"25 %", "epoch 3", "4 threads", "data.threads"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
  EXPECT_NE(data_verdict(1, 1, 1, 1).find("1 thread prepared"), std::string::npos);
}

TEST(DataVerdict, IsSilentWhereDataWasNotTheLimit) {
  EXPECT_EQ(data_verdict(1, 0.9, 10, 4), "");
  EXPECT_EQ(data_verdict(1, 0, 10, 4), "");
  EXPECT_NE(data_verdict(1, 1.0, 10, 4), "");
}

}  // namespace
}  // namespace cf::apps

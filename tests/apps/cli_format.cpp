#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <memory>

#include "apps/console/format.h"
#include "apps/console/progress.h"

namespace cf::apps {
namespace {

TEST(Format, Duration) {
  EXPECT_EQ(format_duration(0.35), "0.35 s");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(59.97), "1m00s");
  EXPECT_EQ(format_duration(221), "3m41s");
  EXPECT_EQ(format_duration(3599.7), "1h00m");
  EXPECT_EQ(format_duration(3720), "1h02m");
  EXPECT_EQ(format_duration(51 * 3600), "2d03h");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1024), "1.00 KiB");
  EXPECT_EQ(format_bytes(1.2 * 1024 * 1024 * 1024), "1.20 GiB");
}

TEST(Format, Quantity) {
  EXPECT_EQ(format_quantity(908), "908");
  EXPECT_EQ(format_quantity(170'000), "170 k");
  EXPECT_EQ(format_quantity(2'863'000), "2.86 M");
  EXPECT_EQ(format_quantity(999'900), "1.00 M");
}

TEST(Format, Count) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1281167), "1,281,167");
  EXPECT_EQ(format_count(-1000), "-1,000");
  EXPECT_EQ(format_count(-100), "-100");
}

TEST(Format, Percent) {
  EXPECT_EQ(format_percent(0.9213), "92.13 %");
  EXPECT_EQ(format_percent(0.234, 0), "23 %");
}

TEST(Progress, PlainLinesWhereThereIsNoTerminal) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  {
    Progress progress("evaluating", 10, file.get(), 0);
    progress.update(5, "top1 0.5");
  }
  std::rewind(file.get());
  char text[200] = {};
  const auto size = std::fread(text, 1, sizeof text - 1, file.get());
  const std::string line(text, size);
  EXPECT_EQ(line.substr(0, 15), "evaluating 5/10");
  EXPECT_EQ(line.find('\r'), std::string::npos);
  EXPECT_EQ(line.find('\033'), std::string::npos);
}

}  // namespace
}  // namespace cf::apps

// Threads: every part runs exactly once, on any number of threads, and an exception reaches the caller.
#include "kernels/base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace cf {
namespace {

TEST(Threads, RunsTheBodyOnceForEachThread) {
  for (const int count : {1, 2, 3, 7}) {
    Threads threads(count);
    std::vector<int> runs(static_cast<std::size_t>(count), 0);
    for (int round = 0; round < 50; ++round) {
      threads.run([&](int thread) { ++runs[static_cast<std::size_t>(thread)]; });
    }
    EXPECT_EQ(runs, std::vector<int>(static_cast<std::size_t>(count), 50)) << count << " threads";
  }
}

TEST(Threads, SplitCoversTheRangeOnce) {
  for (const int count : {1, 2, 5}) {
    Threads threads(count);
    for (const std::int64_t size : {0, 1, 7, 8, 9, 63, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(size));
      threads.split(size, 8, [&](std::int64_t first, std::int64_t last) {
        EXPECT_LT(first, last);
        EXPECT_EQ(first % 8, 0);
        for (auto i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const auto& visit : visits) EXPECT_EQ(visit, 1) << size << " in " << count;
    }
  }
}

TEST(Threads, PartsAreAdjacentAndEndAtTheSize) {
  for (const std::int64_t size : {0, 1, 31, 32, 33, 1001}) {
    for (const int parts : {1, 2, 3, 16}) {
      std::int64_t next = 0;
      for (int part = 0; part < parts; ++part) {
        const Range range = part_of(size, 4, part, parts);
        EXPECT_EQ(range.first, next) << size << " in " << parts;
        EXPECT_LE(range.first, range.last);
        next = range.last;
      }
      EXPECT_EQ(next, size) << parts << " parts";
    }
  }
}

TEST(Threads, RethrowsTheExceptionOfTheLowestThreadAndGoesOn) {
  Threads threads(4);
  for (int round = 0; round < 20; ++round) {
    try {
      threads.run([](int thread) {
        if (thread % 2 == 1) throw std::runtime_error(std::to_string(thread));
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "1");
    }
    std::atomic<int> runs = 0;
    threads.run([&](int) { ++runs; });
    EXPECT_EQ(runs, 4);
  }
}

}  // namespace
}  // namespace cf

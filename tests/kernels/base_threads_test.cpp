#include "kernels/base/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/philox.h"

namespace cf {
namespace {

class ThreadsOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Counts, ThreadsOf, testing::Range(1, 6));

TEST_P(ThreadsOf, RunEveryPartOnceAndWait) {
  Threads threads(GetParam());
  EXPECT_EQ(threads.count(), GetParam());
  std::vector<int> parts(static_cast<std::size_t>(GetParam()));
  for (int run = 1; run <= 300; ++run) {
    threads.run([&](int thread) { ++parts[static_cast<std::size_t>(thread)]; });
    for (const int count : parts) ASSERT_EQ(count, run);
  }
}

TEST_P(ThreadsOf, SplitCoversTheRangeOnceInMultiplesOfTheGrain) {
  Threads threads(GetParam());
  Philox draw(1, Purpose::Test);
  for (int trial = 0; trial < 100; ++trial) {
    const auto size = static_cast<std::int64_t>(draw.below(200));
    const auto grain = static_cast<std::int64_t>(1 + draw.below(20));
    std::vector<int> visits(static_cast<std::size_t>(size));
    threads.split(size, grain, [&](std::int64_t first, std::int64_t last) {
      EXPECT_LT(first, last);
      EXPECT_EQ(first % grain, 0);
      EXPECT_TRUE(last % grain == 0 || last == size);
      for (auto i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    EXPECT_EQ(visits, std::vector<int>(visits.size(), 1)) << size << " by " << grain;
  }
}

TEST_P(ThreadsOf, ThrowTheErrorOfTheLowestThreadAfterAllHaveEnded) {
  Threads threads(GetParam());
  const int last = GetParam() - 1;
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> ended = 0;
    std::string message;
    try {
      threads.run([&](int thread) {
        ++ended;
        if (thread >= last / 2) fail(ErrorKind::Data, "thread ", thread);
      });
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_EQ(message, concat("thread ", last / 2));
    EXPECT_EQ(ended, GetParam());
  }
  int calls = 0;  // still of use
  threads.run([&](int thread) {
    if (thread == 0) ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST_P(ThreadsOf, RefuseARunInsideARun) {
  Threads threads(GetParam());
  EXPECT_THROW(threads.run([&](int) { threads.run([](int) {}); }), Error);
  threads.run([](int) {});
}

TEST(Threads, EndWithoutHavingRun) {
  for (int i = 0; i < 20; ++i) Threads threads(5);
}

TEST(Threads, RefuseACountBelowOne) { EXPECT_THROW(Threads(0), Error); }

TEST(Threads, SplitRefusesAGrainBelowOne) {
  Threads threads(2);
  EXPECT_THROW(threads.split(10, 0, [](std::int64_t, std::int64_t) {}), Error);
  EXPECT_THROW(threads.split(-1, 1, [](std::int64_t, std::int64_t) {}), Error);
}

// The system gives some threads and then no more: those there are must end, and an Error says what happened.
TEST(Threads, SayThatTheSystemGivesNoMore) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{4, 4};
    ::setrlimit(RLIMIT_NPROC, &limit);
    // The limit does not bind root. As another user, one without processes, three threads can be started.
    if (::geteuid() == 0 && ::setuid(65500) != 0) ::_exit(2);
    int status = 1;
    try {
      Threads threads(50);
    } catch (const Error& error) {
      const bool complete = std::string_view(error.what()).find("50 threads") != std::string_view::npos;
      status = complete && error.kind() == ErrorKind::Usage ? 0 : 3;
    }
    ::_exit(status);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(PartOf, CutsIntoEqualParts) {
  for (const std::int64_t size : {0, 1, 7, 64, 1000}) {
    for (const std::int64_t grain : {1, 3, 8}) {
      for (const int parts : {1, 2, 3, 7}) {
        std::int64_t next = 0;
        for (int part = 0; part < parts; ++part) {
          const auto [first, last] = part_of(size, grain, part, parts);
          EXPECT_EQ(first, next);
          const auto equal = (size + grain - 1) / grain / parts * grain;
          EXPECT_TRUE(last - first >= std::min(equal, size - first) && last - first <= equal + grain);
          next = last;
        }
        EXPECT_EQ(next, size);
      }
    }
  }
}

}  // namespace
}  // namespace cf

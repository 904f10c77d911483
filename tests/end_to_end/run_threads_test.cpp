// What the number of threads does to the result of a run.

#include <gtest/gtest.h>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

constexpr int kThreadSteps = 20;

TEST(RunThreads, LoaderThreadsChangeNothing) {
  const ScratchFolder scratch;
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "1", kThreadSteps)).exit_code, 0);
  for (const char* threads : {"2", "5"}) {
    SCOPED_TRACE(threads);
    const auto run = scratch / threads;
    const std::string setting = std::string("data.threads=") + threads;
    ASSERT_EQ(run_convfirst(tiny_run(run, kThreadSteps, {setting})).exit_code, 0);
    expect_same_run(run, scratch / "1");
  }
}

TEST(RunThreads, ARunIsTheSameTwice) {
  const ScratchFolder scratch;
  for (const char* run : {"first", "second"}) {
    ASSERT_EQ(run_convfirst(tiny_run(scratch / run, kThreadSteps, {}, "3")).exit_code, 0);
  }
  expect_same_run(scratch / "second", scratch / "first");
}

TEST(RunThreads, ComputeThreadsChangeNothing) {
  const ScratchFolder scratch;
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "1", kThreadSteps)).exit_code, 0);
  for (const char* threads : {"2", "3"}) {
    SCOPED_TRACE(threads);
    ASSERT_EQ(run_convfirst(tiny_run(scratch / threads, kThreadSteps, {}, threads)).exit_code, 0);
    expect_same_run(scratch / threads, scratch / "1");
  }
}

}  // namespace
}  // namespace cf

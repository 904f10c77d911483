// Checkpoints are written while training goes on; whatever ends a run, what has begun is finished first.

#include <gtest/gtest.h>

#include <csignal>

#include "framework/state/safetensors_file.h"
#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

// Every checkpoint takes two and a half seconds to get to the disk.
const ProcessOptions kSlowDisk{
    .environment = {"LD_PRELOAD=" CF_FAILING_DISK, "CF_SLOW_SYNC_FILE=.tmp", "CF_SLOW_SYNC_MS=2500"}};

const std::vector<std::string> kFiveSteps = {"checkpoint.every=5st", "checkpoint.keep_best=0",
                                             "eval.every=1000st", "train.log_every=1"};

std::int64_t saved_step(const std::filesystem::path& checkpoint) {
  const SafetensorsReader file(checkpoint);
  file.verify();
  return get_int(file.metadata(), "step");
}

TEST(RunBackgroundSave, TrainingGoesOnMeanwhile) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "whole", 9, kFiveSteps)).exit_code, 0);
  ConvfirstProcess process(tiny_run(run, 9, kFiveSteps), kSlowDisk);
  ASSERT_TRUE(process.wait_for_message("step 7/9"));
  EXPECT_TRUE(checkpoints_of(run).empty());
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(checkpoints_of(run).size(), 2U);
  expect_same_run(run, scratch / "whole");
}

TEST(RunBackgroundSave, ASignalWaitsForTheDisk) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  ConvfirstProcess process(tiny_run(run, 1'000'000, kFiveSteps), kSlowDisk);
  ASSERT_TRUE(process.wait_for_message("step 6/"));
  process.send(SIGTERM);
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, 75) << result.err;
  EXPECT_NE(result.err.find("stopped at step " + std::to_string(saved_step(run / "checkpoints/last"))),
            std::string::npos)
      << result.err;
}

TEST(RunBackgroundSave, AKillLeavesTheCheckpointBefore) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "whole", 20, kFiveSteps)).exit_code, 0);
  ConvfirstProcess process(tiny_run(run, 20, kFiveSteps), kSlowDisk);
  ASSERT_TRUE(process.wait_for_message("step 11/20"));
  process.kill_and_wait();
  EXPECT_EQ(saved_step(run / "checkpoints/last"), 5);
  EXPECT_EQ(checkpoints_of(run).size(), 1U);
  const ProcessResult result = run_convfirst(tiny_run(run, 20, kFiveSteps));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("at step 5 of 20"), std::string::npos) << result.err;
  expect_same_run(run, scratch / "whole");
}

// The number that is not finite is found while the checkpoint before it is being written.
TEST(RunBackgroundSave, AnErrorOfTrainingWaitsForTheDisk) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const auto command = tiny_run(
      run, 200,
      {"optimizer.lr=1e20", "optimizer.clip_norm=0", "schedule.warmup=20st", "checkpoint.every=1st"});
  const ProcessResult result = run_convfirst(command, kSlowDisk);
  EXPECT_EQ(result.exit_code, 5) << result.err;
  EXPECT_GE(saved_step(run / "checkpoints/last"), 1);

  std::filesystem::remove_all(run);
  const ProcessResult full = run_convfirst(command, {.max_file_bytes = 8192});
  EXPECT_EQ(full.exit_code, 5) << full.err;
  EXPECT_NE(log_of(run).find("CHECKPOINT NOT SAVED at step 1"), std::string::npos) << log_of(run);
}

}  // namespace
}  // namespace cf

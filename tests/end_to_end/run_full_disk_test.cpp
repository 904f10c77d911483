// A checkpoint that does not fit on the disk. A limit on the size of a file stands for the full disk: it
// makes write(2) fail, and can be lifted while the run goes on.

#include <gtest/gtest.h>

#include <csignal>

#include "apps/run_folder/metrics_log.h"
#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

constexpr std::int64_t kTooSmall = 8192;  // for a checkpoint; enough for the other files

TEST(RunFullDisk, EndsAfterThreeFailuresInARow) {
  const ScratchFolder scratch;
  const ProcessResult result =
      run_convfirst(tiny_run(scratch / "run", 40, {"checkpoint.keep_best=0"}), {.max_file_bytes = kTooSmall});
  EXPECT_EQ(result.exit_code, kCheckpointError) << result.err;
  for (const char* step : {"5", "10", "15"}) {
    const std::string said = std::string("CHECKPOINT NOT SAVED at step ") + step;
    EXPECT_NE(result.err.find(said), std::string::npos) << result.err;
    EXPECT_NE(log_of(scratch / "run").find(said), std::string::npos);
  }
  EXPECT_NE(result.err.find("step_000000015.safetensors: write failed: File too large"), std::string::npos)
      << result.err;
  // The save at step 20 would have waited for the third.
  EXPECT_EQ(result.err.find("step 21/40"), std::string::npos) << "went on:\n" << result.err;
  EXPECT_TRUE(std::filesystem::is_empty(scratch / "run/checkpoints"));
}

TEST(RunFullDisk, TheOlderCheckpointStaysGood) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "whole", 40)).exit_code, 0);
  ConvfirstProcess first(tiny_run(run, 40));
  ASSERT_TRUE(first.wait_for_message("step 9/"));
  first.send(SIGTERM);
  ASSERT_EQ(first.wait().exit_code, 75);
  const auto before = contents_of(run / "checkpoints");

  const ProcessResult failed = run_convfirst(tiny_run(run, 40), {.max_file_bytes = kTooSmall});
  EXPECT_EQ(failed.exit_code, kCheckpointError) << failed.err;
  expect_same_contents(contents_of(run / "checkpoints"), before);

  const ProcessResult finished = run_convfirst(tiny_run(run, 40));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  expect_same_run(run, scratch / "whole");
}

TEST(RunFullDisk, EndsIfTheLastSaveFails) {
  const ScratchFolder scratch;
  const ProcessResult result =
      run_convfirst(tiny_run(scratch / "run", 12, {"checkpoint.keep_best=0", "checkpoint.every=100st"}),
                    {.max_file_bytes = kTooSmall});
  EXPECT_EQ(result.exit_code, kCheckpointError) << result.err;
  EXPECT_NE(result.err.find("step 12/12"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("the last checkpoint could not be saved"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("finished"), std::string::npos) << result.err;
}

TEST(RunFullDisk, TrainingGoesOnUntilThereIsRoomAgain) {
  const ScratchFolder scratch;
  const std::vector<std::string> seldom = {"checkpoint.every=200st", "eval.every=600st",
                                           "train.log_every=50"};
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "whole", 600, seldom)).exit_code, 0);
  ConvfirstProcess process(tiny_run(scratch / "run", 600, seldom), {.max_file_bytes = kTooSmall});
  ASSERT_TRUE(process.wait_for_message("CHECKPOINT NOT SAVED at step 200"));
  process.lift_file_limit();
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_same_run(scratch / "run", scratch / "whole");
}

TEST(RunFullDisk, TrainingGoesOnWithoutARowOfMetrics) {
  const ScratchFolder scratch;
  ConvfirstProcess process(
      tiny_run(scratch / "run", 600, {"checkpoint.every=600st", "eval.every=600st", "train.log_every=1"}),
      {.max_file_bytes = kTooSmall});
  ASSERT_TRUE(process.wait_for_message("METRICS NOT WRITTEN at step"));
  process.lift_file_limit();
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto rows = apps::read_metrics(scratch / "run/metrics.jsonl");
  ASSERT_FALSE(rows.empty());
  EXPECT_LT(rows.size(), 601U);
  EXPECT_EQ(step_of(rows.back()), 600);
}

TEST(RunFullDisk, AConfigurationThatCannotBeWrittenIsKeptAsItWas) {
  const ScratchFolder scratch;
  ASSERT_EQ(run_convfirst(tiny_run(scratch / "run", 10)).exit_code, 0);
  const auto before = contents_of(scratch / "run");
  const ProcessResult result = run_convfirst(tiny_run(scratch / "run", 10), {.max_file_bytes = 500});
  EXPECT_EQ(result.exit_code, kCheckpointError) << result.err;
  EXPECT_NE(result.err.find("config.toml"), std::string::npos) << result.err;
  auto after = contents_of(scratch / "run");
  after["log.txt"] = before.at("log.txt");
  expect_same_contents(after, before);
}

}  // namespace
}  // namespace cf

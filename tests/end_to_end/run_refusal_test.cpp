// What a run folder with checkpoints refuses, without a change on disk, and what it allows.

#include <gtest/gtest.h>

#include <csignal>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

class RunRefusal : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(run_convfirst(tiny_run(run, 10)).exit_code, 0); }

  void expect_refusal(const std::vector<std::string>& command, const std::vector<std::string>& words) const {
    const auto before = contents_of(run);
    const ProcessResult result = run_convfirst(command);
    EXPECT_EQ(result.exit_code, kUsageError) << result.err;
    for (const auto& word : words)
      EXPECT_NE(result.err.find(word), std::string::npos) << word << "\n" << result.err;
    expect_same_contents(contents_of(run), before);
  }

  static std::vector<std::string> with(std::vector<std::string> command,
                                       const std::vector<std::string>& more) {
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }

  const ScratchFolder scratch;
  const std::string run = scratch / "run";
};

TEST_F(RunRefusal, AChangedConfigurationIsShownAndRefused) {
  expect_refusal(tiny_run(run, 12, {"optimizer.lr=0.5", "train.log_every=4"}),
                 {"configuration has changed", "optimizer.lr: 0.002 -> 0.5", "train.log_every: 3 -> 4",
                  "train.duration: ", "--force"});
}

TEST_F(RunRefusal, ForceGoesOnWithTheChangedConfiguration) {
  const ProcessResult result = run_convfirst(with(tiny_run(run, 12, {"optimizer.lr=0.001"}), {"--force"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("optimizer.lr: 0.002 -> 0.001"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("finished: 12 steps"), std::string::npos) << result.err;
}

TEST_F(RunRefusal, ForceGoesOnWithAnotherOptimizerAndWithoutAverages) {
  const ProcessResult result =
      run_convfirst(with(tiny_run(run, 12, {"optimizer.kind=\"sgd\"", "ema.decay=0"}), {"--force"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("optimizer.velocity"), std::string::npos) << result.err;
  const ProcessResult back = run_convfirst(with(tiny_run(run, 14), {"--force"}));
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_NE(back.err.find("average starts anew"), std::string::npos) << back.err;
}

TEST_F(RunRefusal, AShorterPlanThanWhatIsDoneIsRefused) {
  expect_refusal(with(tiny_run(run, 5), {"--force"}), {"step 10", "train.duration is 5 steps"});
}

TEST_F(RunRefusal, ResumeNeverWantsAFreshFolder) {
  expect_refusal(with(tiny_run(run, 10), {"--resume", "never"}), {"--resume never", run});
  const ProcessResult fresh = run_convfirst(with(tiny_run(scratch / "fresh", 5), {"--resume", "never"}));
  EXPECT_EQ(fresh.exit_code, 0) << fresh.err;
}

TEST_F(RunRefusal, ResumeFromAPathSetsLaterCheckpointsAside) {
  const auto early = checkpoints_of(run).front();
  ASSERT_EQ(early.filename(), "step_000000008.safetensors");
  const ProcessResult result = run_convfirst(with(tiny_run(run, 10), {"--resume", early}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("abandoned_step_000000010"), std::string::npos) << result.err;
  EXPECT_TRUE(tensors_of(run + "/checkpoints/last") ==
              tensors_of(run + "/checkpoints/abandoned_step_000000010.safetensors"));
}

TEST_F(RunRefusal, ResumeFromAPathThatIsNotThere) {
  const auto before = contents_of(run);
  const ProcessResult result = run_convfirst(with(tiny_run(run, 10), {"--resume", scratch / "nothing"}));
  EXPECT_EQ(result.exit_code, 7) << result.err;
  EXPECT_NE(result.err.find(scratch / "nothing"), std::string::npos) << result.err;
  expect_same_contents(contents_of(run), before);
}

TEST_F(RunRefusal, AMisspeltWordToResumeFrom) {
  expect_refusal(with(tiny_run(run, 10), {"--resume", "nver"}),
                 {"--resume is 'nver', must be auto, never or a checkpoint; did you mean never?"});
  expect_refusal(with(tiny_run(run, 10), {"--resume", "lst"}),
                 {"did you mean " + run + "/checkpoints/last?"});
  expect_refusal(with(tiny_run(run, 10), {"--resume", "something"}),
                 {"must be auto, never or a checkpoint\n"});
}

TEST(RunLocked, ASecondRunIntoTheFolderNamesTheFirst) {
  const ScratchFolder scratch;
  const auto command = tiny_run(scratch / "run", 3000);
  ConvfirstProcess first(command);
  ASSERT_TRUE(first.wait_for_message("step 3/"));
  const ProcessResult second = run_convfirst(command);
  EXPECT_EQ(second.exit_code, kUsageError) << second.err;
  EXPECT_NE(second.err.find("process " + std::to_string(first.id())), std::string::npos) << second.err;
  first.send(SIGTERM);
  const ProcessResult stopped = first.wait();
  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_FALSE(tensors_of(scratch / "run/checkpoints/last").empty());
}

}  // namespace
}  // namespace cf

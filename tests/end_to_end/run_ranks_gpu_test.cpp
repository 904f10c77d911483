// Training on several GPUs: the same run as on one, and the same end of all ranks whatever happens to one.
// Skipped where there are not two GPUs.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

#include "apps/run_folder/metrics_log.h"
#include "framework/runtime/gpu.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_ranks.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

constexpr int kGpuSteps = 40, kRanks = 2;

std::vector<std::string> run_on_gpus(const std::string& folder, int ranks, int steps) {
  return tiny_ranks(folder, steps, ranks, {"train.log_every=1", "precision.compute=\"float32\""}, "cuda");
}

class RunRanksGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (const GpuCount gpus = count_gpus(); gpus.count < kRanks)
      GTEST_SKIP() << "needs " << kRanks << " GPUs, there are " << gpus.count << " " << gpus.why_none;
  }

  std::vector<double> losses_of(const std::string& run) const {
    std::vector<double> losses;
    for (const auto& row : apps::read_metrics(scratch / run / "metrics.jsonl")) {
      if (const auto* train = std::get_if<apps::TrainRow>(&row)) losses.push_back(train->loss);
    }
    return losses;
  }

  void finish(const std::string& run, int ranks, int steps = kGpuSteps) {
    const ProcessResult result = run_convfirst(run_on_gpus(scratch / run, ranks, steps));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  // Starts two ranks and sends a signal to one after some steps.
  ProcessResult disturbed(const std::string& run, int signal, int rank, int steps = 1'000'000) {
    ConvfirstProcess process(run_on_gpus(scratch / run, kRanks, steps));
    EXPECT_TRUE(process.wait_for_message("step 12/"));
    const auto ranks = ranks_of(process);
    EXPECT_EQ(ranks.size(), static_cast<std::size_t>(kRanks));
    const auto start = std::chrono::steady_clock::now();
    ::kill(ranks.at(static_cast<std::size_t>(rank)), signal);
    ProcessResult result = process.wait();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), kRankTimeout + 10) << result.err;
    for (const pid_t id : ranks) EXPECT_NE(::kill(id, 0), 0) << id;
    return result;
  }

  static void expect_end(const ProcessResult& result, int exit_code, const std::string& words) {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  }

  const ScratchFolder scratch;
};

TEST_F(RunRanksGpu, TwoDrawTheSameAndLearnTheSameAsOne) {
  finish("one", 1);
  finish("two", kRanks);
  finish("again", kRanks);
  const auto one = losses_of("one"), two = losses_of("two");
  ASSERT_EQ(one.size(), static_cast<std::size_t>(kGpuSteps));
  ASSERT_EQ(two.size(), one.size());
  EXPECT_EQ(two[0], one[0]);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(two[i], one[i], 1e-4) << i;
  expect_same_run(scratch / "again", scratch / "two");
  for (const auto& row : apps::read_metrics(scratch / "two/metrics.jsonl")) {
    const auto* train = std::get_if<apps::TrainRow>(&row);
    if (train == nullptr) continue;
    EXPECT_GT(train->communication, 0) << train->step;
    EXPECT_LT(train->communication, 1) << train->step;
  }
}

TEST_F(RunRanksGpu, AKilledRankIsNamedAndTheRunGoesOnBitForBit) {
  constexpr int kEnough = 600;  // not to come to the end before the signal does
  finish("whole", kRanks, kEnough);
  expect_end(disturbed("killed", SIGKILL, 1, kEnough), kCommunicationError, "error: rank 1 (host ");
  finish("killed", kRanks, kEnough);
  expect_same_run(scratch / "killed", scratch / "whole");
}

TEST_F(RunRanksGpu, AKilledRankZeroIsNamed) {
  expect_end(disturbed("run", SIGKILL, 0), kCommunicationError, "rank 0 at 127.0.0.1:");
}

TEST_F(RunRanksGpu, AStoppedRankIsNamedAfterTheTimeout) {
  expect_end(disturbed("run", SIGSTOP, 1), kCommunicationError,
             "is stuck or lost: nothing was heard of it for 4 s");
}

TEST_F(RunRanksGpu, ASigtermOfOneRankSavesAll) {
  expect_end(disturbed("run", SIGTERM, 1), kSavedRunAgain, "the same command goes on from here");
  EXPECT_FALSE(checkpoints_of(scratch / "run").empty());
}

}  // namespace
}  // namespace cf

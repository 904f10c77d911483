// Any number of ranks gives the same run, to summation order.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "apps/run_folder/metrics_log.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_ranks.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

constexpr int kRankSteps = 20;

ProcessResult train(const std::string& run, int ranks) {
  return run_convfirst(tiny_ranks(run, kRankSteps, ranks, {"train.log_every=1"}));
}

// Trains with `ranks` until some steps are done and stops by a signal.
void train_and_stop(const std::string& run, int ranks, int signal) {
  ConvfirstProcess process(tiny_ranks(run, kRankSteps, ranks, {"train.log_every=1"}));
  ASSERT_TRUE(process.wait_for_message("step 3/20"));
  process.send(signal);
  const ProcessResult result = process.wait();
  ASSERT_EQ(result.exit_code, kSavedRunAgain) << result.err;
}

template <class Row>
std::vector<Row> rows_of(const std::filesystem::path& run) {
  std::vector<Row> rows;
  for (const auto& row : apps::read_metrics(run / "metrics.jsonl")) {
    if (const auto* found = std::get_if<Row>(&row)) rows.push_back(*found);
  }
  return rows;
}

void expect_same_curve(const std::filesystem::path& run, const std::filesystem::path& expected) {
  const auto rows = rows_of<apps::TrainRow>(run), expected_rows = rows_of<apps::TrainRow>(expected);
  ASSERT_EQ(rows.size(), expected_rows.size());
  ASSERT_FALSE(rows.empty());
  // No update has come before the first loss, which is summed in the same order: equal bits only if images,
  // augmentation, dropout and depth are drawn alike.
  EXPECT_EQ(rows[0].loss, expected_rows[0].loss);
  EXPECT_EQ(rows[0].top1, expected_rows[0].top1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(rows[i].loss, expected_rows[i].loss, 1e-4) << "step " << rows[i].step;
    EXPECT_NEAR(rows[i].grad_norm, expected_rows[i].grad_norm, 1e-3) << "step " << rows[i].step;
  }
  const auto evals = rows_of<apps::EvalRow>(run), expected_evals = rows_of<apps::EvalRow>(expected);
  ASSERT_EQ(evals.size(), expected_evals.size());
  ASSERT_FALSE(evals.empty());
  for (std::size_t i = 0; i < evals.size(); ++i) {
    EXPECT_EQ(evals[i].images, 64);
    EXPECT_NEAR(evals[i].loss, expected_evals[i].loss, 1e-4);
    EXPECT_NEAR(evals[i].ema_loss, expected_evals[i].ema_loss, 1e-4);
  }
}

class RunRanks : public testing::Test {
 protected:
  void SetUp() override {
    const ProcessResult result = train(scratch / "one", 1);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  const ScratchFolder scratch;
};

TEST_F(RunRanks, TwoAndFourDrawTheSameAndLearnTheSame) {
  for (const int ranks : {2, 4}) {
    SCOPED_TRACE(ranks);
    const std::string run = scratch / std::to_string(ranks);
    const ProcessResult result = train(run, ranks);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    expect_same_curve(run, scratch / "one");
    EXPECT_EQ(result.out.find("top1="), 0U) << result.out;
    EXPECT_EQ(result.out.find("top1=", 1), std::string::npos) << "more than one rank speaks: " << result.out;
    EXPECT_NE(result.err.find(std::to_string(ranks) + " ranks on 1 host: 0-"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(run + "/log_rank1.txt"));
    for (const auto& row : rows_of<apps::TrainRow>(run)) {
      EXPECT_GT(row.communication, 0) << row.step;
      EXPECT_LT(row.communication, 1) << row.step;
    }
  }
}

TEST_F(RunRanks, StoppedWithFourAndGoneOnWithTwo) {
  const std::string run = scratch / "changed";
  train_and_stop(run, 4, SIGTERM);
  const ProcessResult result = train(run, 2);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("resumed from"), std::string::npos) << result.err;
  expect_same_curve(run, scratch / "one");
}

TEST_F(RunRanks, StoppedAndGoneOnWithTheSameNumberBitForBit) {
  const std::string whole = scratch / "whole", stopped = scratch / "stopped";
  ASSERT_EQ(train(whole, 2).exit_code, 0);
  train_and_stop(stopped, 2, SIGINT);
  const ProcessResult result = train(stopped, 2);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_same_run(stopped, whole);
}

// Rank 1 gets a small part of the time; rank 0 waits for it in sums.
TEST(RunRanksTimes, ASlowRankIsNamedAndTheOthersCommunicate) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  // Steps that compute for longer than a sum takes to go to and fro.
  ConvfirstProcess process(
      tiny_ranks(run, 1'000'000, 2,
                 {"checkpoint.every=1000000st", "eval.every=1000000st", "train.log_every=2", "train.batch=64",
                  "train.norm_batch=32", "model.patch=2", "model.widths=[64,64]"}));
  ASSERT_TRUE(process.wait_for_message("step 4/"));
  const auto ranks = ranks_of(process);
  ASSERT_EQ(ranks.size(), 2U);
  const auto slow_down = [&](double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end) {
      ::kill(ranks[1], SIGSTOP);
      ::usleep(20'000);
      ::kill(ranks[1], SIGCONT);
      ::usleep(5'000);
    }
  };
  const auto rows = [&] { return rows_of<apps::TrainRow>(run); };
  slow_down(0.5);
  const std::size_t begin = rows().size() + 1;  // the row that has begun is slow in part only
  for (int i = 0; i < 40 && rows().size() <= begin; ++i) slow_down(0.5);
  const auto all = rows();
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().exit_code, kSavedRunAgain);
  ASSERT_GT(all.size(), begin);
  const apps::TrainRow& row = all.back();
  EXPECT_GT(row.communication, 0.25);
  EXPECT_EQ(row.slowest_rank, 1) << to_json_line(row);
  EXPECT_TRUE(row.slowest_cause == "compute" || row.slowest_cause == "data") << row.slowest_cause;
}

// Only the first rank has the folder and looks at its clock; the others finish their steps too and go on.
TEST(RunRanksClock, AllComeToASaveThatIsDueByTheClock) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  ConvfirstProcess process(
      tiny_ranks(run, 1'000'000, 2, {"checkpoint.every=0.2s", "eval.every=100000st", "train.log_every=1"}));
  ASSERT_TRUE(process.wait_for_message("step 1/"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (checkpoints_of(run).size() < 2 && std::chrono::steady_clock::now() < deadline) ::usleep(20'000);
  EXPECT_EQ(checkpoints_of(run).size(), 2U);  // so many are kept
  process.send(SIGTERM);
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, kSavedRunAgain) << result.err;
}

TEST(RunRanksRefusal, SaysWhatDoesNotDivide) {
  const ScratchFolder scratch;
  const ProcessResult result = run_convfirst(tiny_ranks(scratch / "run", 4, 3));
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_NE(result.err.find("makes 4 micro-batches a step: 3 ranks cannot take equally many"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(result.err.find("error:"), result.err.rfind("error:")) << "said more than once: " << result.err;
}

TEST(RunRanksRefusal, ALaunchersRanksStartNoOthers) {
  const ScratchFolder scratch;
  const ProcessResult result =
      run_convfirst(tiny_ranks(scratch / "run", 4, 2),
                    {.environment = {"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=localhost", "MASTER_PORT=1"}});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_NE(
      result.err.find("--ranks starts ranks itself, but this process is one of 2 that torchrun started"),
      std::string::npos)
      << result.err;
}

}  // namespace
}  // namespace cf

// A run to its planned end: what it says and leaves, and the same command once more.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "apps/config/config.h"
#include "apps/run_folder/metrics_log.h"
#include "framework/state/safetensors_file.h"
#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

TEST(RunFinish, EndsWithZeroWhenAllStepsAreDone) {
  const ScratchFolder scratch;
  const ProcessResult result = run_convfirst(tiny_run(scratch / "run", 20));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("finished: 20 steps"), std::string::npos) << result.err;
  EXPECT_TRUE(
      std::regex_search(result.out, std::regex("^top1=[0-9.]+ train_seconds=[0-9]+ checkpoint=.*/best")))
      << result.out;
  const SafetensorsReader last(scratch / "run/checkpoints/last");
  EXPECT_EQ(get_int(last.metadata(), "step"), 20);
}

TEST(RunFinish, ASecondTimeDoesNothing) {
  const ScratchFolder scratch;
  const auto command = tiny_run(scratch / "run", 10);
  ASSERT_EQ(run_convfirst(command).exit_code, 0);
  const auto before = contents_of(scratch / "run");
  const ProcessResult again = run_convfirst(command);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.err.find("finished: 10 steps"), std::string::npos) << again.err;
  auto after = contents_of(scratch / "run");
  for (const char* told : {"log.txt", "env.json"}) after[told] = before.at(told);
  expect_same_contents(after, before);
}

TEST(RunFinish, LogLineHoldsWhatOneWatches) {
  const ScratchFolder scratch;
  const ProcessResult result = run_convfirst(tiny_run(scratch / "run", 8));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::regex line(
      "epoch 0\\.75  step 6/8  loss [0-9.]+  top1 [0-9.]+ %  lr [0-9.e-]+  [0-9,.kM]+ img/s  data wait "
      "[0-9]+ %  "
      "memory [0-9.]+ [KMG]iB  eta [0-9.]+ m?s");
  EXPECT_TRUE(std::regex_search(result.err, line)) << result.err;
  EXPECT_TRUE(std::regex_search(log_of(scratch / "run"), line)) << log_of(scratch / "run");
  EXPECT_NE(result.err.find("eval   step 8  top1 "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("ema: top1 "), std::string::npos) << result.err;
}

TEST(RunFinish, FilesOfTheRunFolderCanBeRead) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  ASSERT_EQ(run_convfirst(tiny_run(run, 10)).exit_code, 0);

  const apps::Config config = apps::from_toml_text(read_bytes(run / "config.toml"));
  EXPECT_EQ(config.train.batch, 32);
  EXPECT_EQ(config.ema.decay, 0.9);
  const auto environment = nlohmann::json::parse(read_bytes(run / "env.json"));
  for (const char* key : {"host", "processor", "cores", "threads", "build", "started"}) {
    EXPECT_TRUE(environment.contains(key)) << key;
  }
  const auto report = apps::read_evaluation_report(run / "eval.json");
  EXPECT_EQ(report.images, 64);
  EXPECT_EQ(report.confusion.size(), 4U);

  std::vector<std::int64_t> steps;
  for (const auto& row : apps::read_metrics(run / "metrics.jsonl")) steps.push_back(step_of(row));
  EXPECT_EQ(steps,
            (std::vector<std::int64_t>{3, 6, 8, 9, 10, 10}));  // every third, and evaluations at 8 and 10
}

}  // namespace
}  // namespace cf

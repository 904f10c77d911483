// Which checkpoints a run leaves, and where its links point.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "apps/run_folder/metrics_log.h"
#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

std::string name_of_step(std::int64_t step) {
  const std::string digits = std::to_string(step);
  return "step_" + std::string(9 - digits.size(), '0') + digits + ".safetensors";
}

// The earliest of the highest.
template <class Score>
std::int64_t best_step(const std::vector<apps::EvalRow>& rows, Score&& score) {
  return std::max_element(rows.begin(), rows.end(),
                          [&](const auto& a, const auto& b) { return score(a) < score(b); })
      ->step;
}

TEST(RunRetention, KeepsTheNewestAndTheBest) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const ProcessResult result = run_convfirst(tiny_run(
      run, 48,
      {"checkpoint.every=2st", "checkpoint.keep_last=3", "checkpoint.keep_best=2", "eval.every=4st"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;

  std::vector<apps::EvalRow> rows;
  for (const auto& row : apps::read_metrics(run / "metrics.jsonl")) {
    if (const auto* eval = std::get_if<apps::EvalRow>(&row)) rows.push_back(*eval);
  }
  ASSERT_EQ(rows.size(), 12U);
  const auto raw = [](const apps::EvalRow& row) { return row.top1; };
  const auto ema = [](const apps::EvalRow& row) { return row.ema_top1; };
  const auto higher = [](const apps::EvalRow& row) { return std::max(row.top1, row.ema_top1); };
  const std::int64_t best = best_step(rows, raw), best_ema = best_step(rows, ema);
  std::set<std::string> expected = {name_of_step(44), name_of_step(46), name_of_step(48), name_of_step(best),
                                    name_of_step(best_ema)};
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto& a, const auto& b) { return higher(a) > higher(b); });
  expected.insert({name_of_step(rows[0].step), name_of_step(rows[1].step)});

  std::set<std::string> kept;
  for (const auto& path : checkpoints_of(run)) kept.insert(path.filename());
  EXPECT_EQ(kept, expected);
  const auto link = [&](const char* name) {
    return std::filesystem::read_symlink(run / "checkpoints" / name);
  };
  EXPECT_EQ(link("last"), name_of_step(48));
  EXPECT_EQ(link("best"), name_of_step(best));
  EXPECT_EQ(link("best_ema"), name_of_step(best_ema));
  EXPECT_NE(result.out.find(best_ema == best ? "checkpoint=" : run.native()), std::string::npos)
      << result.out;
}

TEST(RunRetention, KeepsNoBestOnesWhereNoneAreAskedFor) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const ProcessResult result =
      run_convfirst(tiny_run(run, 24,
                             {"checkpoint.every=3st", "checkpoint.keep_last=1", "checkpoint.keep_best=0",
                              "eval.every=24st", "ema.decay=0"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_EQ(checkpoints_of(run).size(), 1U);
  EXPECT_EQ(checkpoints_of(run).front().filename(), name_of_step(24));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(run / "checkpoints/best_ema")));
}

}  // namespace
}  // namespace cf

// The averaged weights of a run: their definition, and both evaluations.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "apps/run_folder/metrics_log.h"
#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

// average = decay * average + (1 - decay) * weights, from a checkpoint of every step, step 0 among them.
TEST(RunAverage, FollowsItsDefinition) {
  constexpr double kDecay = 0.9;
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const std::vector<std::string> keep_all = {"checkpoint.every=1st", "checkpoint.keep_last=100"};
  auto limited = tiny_run(run, 12, keep_all);
  limited.insert(limited.end(), {"--max-time", "0.000001s"});
  ASSERT_EQ(run_convfirst(limited).exit_code, 75);
  ASSERT_EQ(run_convfirst(tiny_run(run, 12, keep_all)).exit_code, 0);

  const auto checkpoints = checkpoints_of(run);
  ASSERT_EQ(checkpoints.size(), 13U);
  std::map<std::string, std::vector<double>> expected;
  for (std::size_t step = 0; step < checkpoints.size(); ++step) {
    const auto tensors = tensors_of(checkpoints[step]);
    int averages = 0;
    for (const auto& [name, bytes] : tensors) {
      if (!name.starts_with("ema.")) continue;
      ++averages;
      const auto average = floats_of(bytes), weights = floats_of(tensors.at("model." + name.substr(4)));
      auto& wanted = expected[name];
      if (step == 0) wanted.assign(weights.begin(), weights.end());
      for (std::size_t i = 0; i < average.size(); ++i) {
        if (step > 0) wanted[i] = kDecay * wanted[i] + (1 - kDecay) * static_cast<double>(weights[i]);
        const double floor = 1e-6 * (1 + std::abs(wanted[i]));
        ASSERT_NEAR(static_cast<double>(average[i]), wanted[i], floor)
            << name << "[" << i << "], step " << step;
      }
    }
    ASSERT_GT(averages, 10);
  }
}

TEST(RunAverage, BothWeightsAreEvaluated) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  ASSERT_EQ(run_convfirst(tiny_run(run, 16)).exit_code, 0);
  const auto rows = apps::read_metrics(run / "metrics.jsonl");
  ASSERT_FALSE(rows.empty());
  const auto& row = std::get<apps::EvalRow>(rows.back());
  EXPECT_EQ(row.step, 16);
  EXPECT_NE(row.loss, row.ema_loss);

  const auto evaluate = [&](const char* weights) {
    const ProcessResult result =
        run_convfirst({"eval", run / "checkpoints/last", "--weights", weights, "--json", "--threads", "1"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  };
  const auto raw = evaluate("raw"), ema = evaluate("ema");
  EXPECT_EQ(raw.at("images"), 64);
  EXPECT_EQ(raw.at("top1").get<double>(), row.top1);
  EXPECT_EQ(raw.at("top5").get<double>(), row.top5);
  EXPECT_EQ(raw.at("loss").get<double>(), row.loss);
  EXPECT_EQ(ema.at("top1").get<double>(), row.ema_top1);
  EXPECT_EQ(ema.at("top5").get<double>(), row.ema_top5);
  EXPECT_EQ(ema.at("loss").get<double>(), row.ema_loss);
  EXPECT_EQ(evaluate("auto").at("weights"), "ema");
}

}  // namespace
}  // namespace cf

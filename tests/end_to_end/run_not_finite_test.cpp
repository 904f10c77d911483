// A number that is not finite ends the run with exit code 5 and the name of the tensor, the step and the
// batch; it reaches no checkpoint.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <regex>

#include "framework/state/safetensors_file.h"
#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

void expect_all_finite(const std::filesystem::path& checkpoint) {
  for (const auto& [name, bytes] : tensors_of(checkpoint)) {
    for (const float value : floats_of(bytes))
      ASSERT_TRUE(std::isfinite(value)) << checkpoint << ": " << name;
  }
}

// Writes the checkpoint anew with a NaN in the middle of one tensor; its checksums are right.
void plant_nan(const std::filesystem::path& checkpoint, const std::string& name) {
  const SafetensorsReader file(checkpoint);
  auto tensors = tensors_of(checkpoint);
  std::string& bytes = tensors.at(name);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() / 2 / sizeof nan * sizeof nan, &nan, sizeof nan);
  std::vector<TensorSource> sources;
  for (const auto& entry : file.entries()) {
    sources.push_back({entry, std::as_bytes(std::span<const char>(tensors.at(entry.name)))});
  }
  write_safetensors(checkpoint, sources, file.metadata(), {SyncPolicy::Cached, true});
}

class RunNotFinite : public testing::TestWithParam<const char*> {};

TEST_P(RunNotFinite, AnAbsurdLearningRateIsNamed) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const ProcessResult result =
      run_convfirst(tiny_run(run, 200,
                             {std::string("optimizer.kind=\"") + GetParam() + "\"", "optimizer.lr=1e20",
                              "optimizer.clip_norm=0", "schedule.warmup=20st", "checkpoint.every=1st"}));
  EXPECT_EQ(result.exit_code, kNumericError) << result.err;
  const std::regex where(
      "error: step [0-9]+ \\(epoch 0, batch [0-9]+\\): .*(stem|stages|head)\\.[a-z0-9_.]+ is the first that");
  EXPECT_TRUE(std::regex_search(result.err, where)) << result.err;
  EXPECT_TRUE(std::regex_search(log_of(run), where)) << log_of(run);
  ASSERT_FALSE(checkpoints_of(run).empty());
  for (const auto& path : checkpoints_of(run)) expect_all_finite(path);
}

INSTANTIATE_TEST_SUITE_P(Rules, RunNotFinite, testing::Values("sgd", "adamw", "rmsprop"),
                         [](const auto& test) { return test.param; });

// The update itself overflows: the loss of that step was finite.
TEST(RunOverflow, ReachesNoCheckpoint) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const ProcessResult result =
      run_convfirst(tiny_run(run, 20,
                             {"optimizer.kind=\"rmsprop\"", "optimizer.lr=3e38", "optimizer.clip_norm=0",
                              "schedule.warmup=0st", "checkpoint.every=1st"}));
  EXPECT_EQ(result.exit_code, kNumericError) << result.err;
  EXPECT_NE(result.err.find("error: after step 0 (epoch 0, batch 0): stem.conv.weight"), std::string::npos)
      << result.err;
  EXPECT_TRUE(checkpoints_of(run).empty());
}

TEST(RunPlantedNan, IsNamed) {
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  for (const char* name : {"stem.conv.weight", "head.classifier.bias"}) {
    SCOPED_TRACE(name);
    std::filesystem::remove_all(run);
    auto command = tiny_run(run, 20);
    command.insert(command.end(), {"--max-time", "0.000001s"});
    ASSERT_EQ(run_convfirst(command).exit_code, 75);
    plant_nan(checkpoints_of(run).back(), std::string("model.") + name);
    const ProcessResult result = run_convfirst(tiny_run(run, 20));
    EXPECT_EQ(result.exit_code, kNumericError) << result.err;
    EXPECT_NE(result.err.find(std::string("step 0 (epoch 0, batch 0): ") + name), std::string::npos)
        << result.err;
    EXPECT_EQ(checkpoints_of(run).size(), 1U);
  }
}

}  // namespace
}  // namespace cf

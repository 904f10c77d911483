// A damaged checkpoint is named and the one before it used; where none is good, nothing starts from scratch.

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

constexpr int kDamageSteps = 24;

class RunDamage : public testing::Test {
 protected:
  // A whole run, and one that was killed with two checkpoints or more.
  void SetUp() override {
    ASSERT_EQ(run_convfirst(tiny_run(scratch / "whole", kDamageSteps)).exit_code, 0);
    ConvfirstProcess process(tiny_run(run, kDamageSteps));
    ASSERT_TRUE(process.wait_for_message("step 15/"));
    process.kill_and_wait();
    ASSERT_GE(checkpoints_of(run).size(), 2U);
  }

  static void flip_byte(const std::filesystem::path& path, double where) {
    std::string bytes = read_bytes(path);
    bytes[static_cast<std::size_t>(where * static_cast<double>(bytes.size() - 1))] ^= 1;
    write_bytes(path, bytes);
  }

  static void truncate(const std::filesystem::path& path) {
    write_bytes(path, read_bytes(path).substr(0, std::filesystem::file_size(path) / 2));
  }

  void expect_previous_one_is_used() const {
    const auto newest = checkpoints_of(run).back(), previous = checkpoints_of(run).end()[-2];
    const ProcessResult result = run_convfirst(tiny_run(run, kDamageSteps));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find("damaged checkpoint: " + newest.native()), std::string::npos) << result.err;
    EXPECT_NE(log_of(run).find("damaged checkpoint: " + newest.native()), std::string::npos) << log_of(run);
    EXPECT_NE(result.err.find("resumed from " + previous.native()), std::string::npos) << result.err;
    expect_same_run(run, scratch / "whole");
  }

  const ScratchFolder scratch;
  const std::filesystem::path run = scratch / "run";
};

TEST_F(RunDamage, AByteOfATensorIsFlipped) {
  flip_byte(checkpoints_of(run).back(), 0.9);
  expect_previous_one_is_used();
}

TEST_F(RunDamage, AByteOfTheHeaderIsFlipped) {
  flip_byte(checkpoints_of(run).back(), 0.01);
  expect_previous_one_is_used();
}

TEST_F(RunDamage, TheFileIsCutOff) {
  truncate(checkpoints_of(run).back());
  expect_previous_one_is_used();
}

TEST_F(RunDamage, TheFileIsEmpty) {
  write_bytes(checkpoints_of(run).back(), "");
  expect_previous_one_is_used();
}

TEST_F(RunDamage, NothingStartsFromScratchWhereAllAreDamaged) {
  for (const auto& path : checkpoints_of(run)) flip_byte(path, 0.9);
  const auto before = contents_of(run);
  const ProcessResult result = run_convfirst(tiny_run(run, kDamageSteps));
  EXPECT_EQ(result.exit_code, 7) << result.err;
  for (const auto& path : checkpoints_of(run)) {
    EXPECT_NE(result.err.find("damaged checkpoint: " + path.native()), std::string::npos) << result.err;
  }
  auto after = contents_of(run);
  after["log.txt"] = before.at("log.txt");
  expect_same_contents(after, before);
}

TEST_F(RunDamage, ADamagedFileIsNotResumedFromByName) {
  const auto newest = checkpoints_of(run).back();
  flip_byte(newest, 0.01);
  const auto before = contents_of(run);
  auto command = tiny_run(run, kDamageSteps);
  command.insert(command.end(), {"--resume", newest});
  const ProcessResult result = run_convfirst(command);
  EXPECT_EQ(result.exit_code, 7) << result.err;
  EXPECT_NE(result.err.find(newest.native()), std::string::npos) << result.err;
  expect_same_contents(contents_of(run), before);
}

}  // namespace
}  // namespace cf

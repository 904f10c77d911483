// Whatever happens to one rank, all end soon, with the right exit code and the name of that rank.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

#include "tests/end_to_end/prediction_files.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_ranks.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

constexpr int kFaultSteps = 40;

bool exists(pid_t process) { return ::kill(process, 0) == 0; }

class RunRanksFaults : public testing::Test {
 protected:
  // Starts four ranks on more steps than they will do.
  void SetUp() override {
    process.emplace(tiny_ranks(run(), 1'000'000, 4, {"eval.every=1000st"}));
    ASSERT_TRUE(process->wait_for_message("step 6/"));
    ranks = ranks_of(*process);
    ASSERT_EQ(ranks.size(), 4U);
  }

  std::string run() const { return scratch / "run"; }

  // What happens when a signal is sent to a rank, or to the launcher for -1.
  ProcessResult after(int signal, int rank) {
    const auto start = std::chrono::steady_clock::now();
    ::kill(rank < 0 ? process->id() : ranks[static_cast<std::size_t>(rank)], signal);
    ProcessResult result = process->wait();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), kRankTimeout + 10) << result.err;
    for (const pid_t id : ranks) EXPECT_FALSE(exists(id)) << id;
    return result;
  }

  static void expect_message(const ProcessResult& result, const std::string& words) {
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  }

  const ScratchFolder scratch;
  std::optional<ConvfirstProcess> process;
  std::vector<pid_t> ranks;
};

TEST_F(RunRanksFaults, AKilledRankIsNamed) {
  const ProcessResult result = after(SIGKILL, 2);
  EXPECT_EQ(result.exit_code, kCommunicationError) << result.err;
  expect_message(result, "error: rank 2 (host ");
  expect_message(result, "is lost");
}

TEST_F(RunRanksFaults, AKilledRankZeroIsNamed) {
  const ProcessResult result = after(SIGKILL, 0);
  EXPECT_EQ(result.exit_code, kCommunicationError) << result.err;
  expect_message(result, "error: rank 0 at 127.0.0.1:");
  expect_message(result, "is lost");
}

TEST_F(RunRanksFaults, AStoppedRankIsNamedAfterTheTimeout) {
  const ProcessResult result = after(SIGSTOP, 1);
  EXPECT_EQ(result.exit_code, kCommunicationError) << result.err;
  expect_message(result, "rank 1 (host ");
  expect_message(result, "is stuck or lost: nothing was heard of it for 4 s");
}

TEST_F(RunRanksFaults, AStoppedRankZeroIsNamedAfterTheTimeout) {
  const ProcessResult result = after(SIGSTOP, 0);
  EXPECT_EQ(result.exit_code, kCommunicationError) << result.err;
  expect_message(result, "rank 0 at 127.0.0.1:");
  expect_message(result, "is stuck or lost: nothing was heard of it for 4 s");
}

TEST_F(RunRanksFaults, ASigtermOfOneRankSavesAll) {
  const ProcessResult result = after(SIGTERM, 3);
  EXPECT_EQ(result.exit_code, kSavedRunAgain) << result.err;
  expect_message(result, "the same command goes on from here");
  EXPECT_FALSE(checkpoints_of(run()).empty());
}

TEST_F(RunRanksFaults, ASigintOfTheLauncherSavesAll) {
  const ProcessResult result = after(SIGINT, -1);
  EXPECT_EQ(result.exit_code, kSavedRunAgain) << result.err;
  EXPECT_FALSE(checkpoints_of(run()).empty());
}

TEST_F(RunRanksFaults, NoRankOutlivesTheLauncher) {
  ::kill(process->id(), SIGKILL);
  process->wait();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  // Orphans, which the system collects.
  for (const pid_t id : ranks) {
    const auto is_running = [&] {
      std::ifstream status("/proc/" + std::to_string(id) + "/stat");
      std::string number, name, state;
      return static_cast<bool>(status >> number >> name >> state) && state != "Z";
    };
    while (is_running() && std::chrono::steady_clock::now() < deadline) ::usleep(10'000);
    EXPECT_FALSE(is_running()) << id;
  }
}

TEST(RunRanksResume, EndsTheSameAfterARankWasKilled) {
  const ScratchFolder scratch;
  const std::string whole = scratch / "whole", killed = scratch / "killed";
  ASSERT_EQ(run_convfirst(tiny_ranks(whole, kFaultSteps, 2)).exit_code, 0);
  {
    ConvfirstProcess process(tiny_ranks(killed, kFaultSteps, 2));
    ASSERT_TRUE(process.wait_for_message("step 12/40"));
    const auto ranks = ranks_of(process);
    ASSERT_EQ(ranks.size(), 2U);
    ::kill(ranks[1], SIGKILL);
    EXPECT_EQ(process.wait().exit_code, kCommunicationError);
  }
  const ProcessResult result = run_convfirst(tiny_ranks(killed, kFaultSteps, 2));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("resumed from"), std::string::npos) << result.err;
  expect_same_run(killed, whole);
}

// One image of the training data is torn: the rank that draws it fails, and with it all.
TEST(RunRanksError, OfOneRankIsSaidWithItsName) {
  const ScratchFolder scratch;
  for (const char* name : {"a", "b", "c", "d"}) {
    std::filesystem::create_directories(scratch / name);
    for (int i = 0; i < 16; ++i) {
      write_jpeg(scratch / name / (std::to_string(i) + ".jpg"),
                 random_image(24, 3, static_cast<std::uint64_t>(i)));
    }
  }
  write_bytes(scratch / "c" / "7.jpg", "\xff\xd8\xff torn");
  const std::string data = "\"" + scratch.path().native() + "\"";
  const ScratchFolder runs;
  const ProcessResult result = run_convfirst(
      tiny_ranks(runs / "run", 40, 2, {"data.train=" + data, "data.val=" + data, "model.channels=3"}));
  EXPECT_EQ(result.exit_code, kDataError) << result.err;
  EXPECT_NE(result.err.find("7.jpg"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("error: rank "), std::string::npos) << result.err;
}

TEST(RunRanksError, ANumberThatIsNotFiniteEndsAll) {
  const ScratchFolder scratch;
  const ProcessResult result = run_convfirst(tiny_ranks(
      scratch / "run", 200, 2, {"optimizer.kind=\"sgd\"", "optimizer.lr=1e20", "optimizer.clip_norm=0"}));
  EXPECT_EQ(result.exit_code, kNumericError) << result.err;
  EXPECT_NE(result.err.find("error: on rank 0: step "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("is the first that is not finite"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace cf

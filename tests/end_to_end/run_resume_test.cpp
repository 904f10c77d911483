// A run that is stopped in any way and started again by the same command ends as if nothing had happened:
// equal bits in every tensor of the last checkpoint, equal rows of metrics.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/run_state.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kResumeSteps = 42;  // five epochs and a quarter

std::size_t count(const std::string& text, std::string_view word) {
  std::size_t n = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

class RunResume : public testing::Test {
 protected:
  // The uninterrupted run in scratch/"whole".
  void SetUp() override {
    const auto start = Clock::now();
    const ProcessResult result = run_convfirst(tiny_run(scratch / "whole", kResumeSteps));
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  void finish(const std::string& run, const std::vector<std::string>& settings = {}) const {
    const ProcessResult result = run_convfirst(tiny_run(run, kResumeSteps, settings));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find("resumed from"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("finished: 42 steps"), std::string::npos) << result.err;
    expect_same_run(run, scratch / "whole");
  }

  // Sends `signal` once the run has trained for some steps; it saves and says so.
  void stop_by_signal(int signal) const {
    const std::string run = scratch / ("signal" + std::to_string(signal));
    ConvfirstProcess process(tiny_run(run, kResumeSteps));
    ASSERT_TRUE(process.wait_for_message("step 6/42"));
    process.send(signal);
    const ProcessResult stopped = process.wait();
    EXPECT_EQ(stopped.exit_code, kSavedRunAgain) << stopped.err;
    EXPECT_NE(stopped.err.find("the same command goes on from here"), std::string::npos) << stopped.err;
    finish(run);
  }

  const ScratchFolder scratch;
  double seconds = 0;  // that the uninterrupted run took
};

TEST_F(RunResume, GoesOnAfterAKillAtAnyMoment) {
  // A save begins when the one before is on disk: from that of step 8 on there is a checkpoint.
  for (const char* message : {"step 9/42", "eval   step 16", "eval   step 24", "step 33/42"}) {
    SCOPED_TRACE(message);
    const std::string run = scratch / "killed";
    std::filesystem::remove_all(run);
    ConvfirstProcess process(tiny_run(run, kResumeSteps));
    ASSERT_TRUE(process.wait_for_message(message));
    EXPECT_EQ(process.kill_and_wait().exit_code, -SIGKILL);
    finish(run);
  }
}

TEST_F(RunResume, EndsTheSameAfterTwentyKillsAtRandomMoments) {
  const std::string run = scratch / "killed";
  std::mt19937 random(20);
  std::uniform_real_distribution<double> delay(0, 0.6 * seconds);
  int killed = 0;
  for (int i = 0; i < 20; ++i) {
    ConvfirstProcess process(tiny_run(run, kResumeSteps));
    std::this_thread::sleep_for(std::chrono::duration<double>(delay(random)));
    killed += process.kill_and_wait().exit_code == -SIGKILL;
  }
  EXPECT_GT(killed, 0);
  finish(run);
  EXPECT_GT(count(log_of(run), "resumed from"), 1U);
}

TEST_F(RunResume, IsTheSameForAnyNumberOfLoaderThreads) {
  const std::string run = scratch / "threads";
  ConvfirstProcess process(tiny_run(run, kResumeSteps, {"data.threads=3"}));
  ASSERT_TRUE(process.wait_for_message("step 15/42"));
  process.kill_and_wait();
  finish(run, {"data.threads=2"});
}

TEST_F(RunResume, SavesAtSigterm) { stop_by_signal(SIGTERM); }
TEST_F(RunResume, SavesAtSigint) { stop_by_signal(SIGINT); }
TEST_F(RunResume, SavesAtSigusr1) { stop_by_signal(SIGUSR1); }

// What processes started meanwhile do at SIGHUP, whether or not the tests run under `nohup`.
class HangUp {
 public:
  explicit HangUp(void (*action)(int)) : before_(std::signal(SIGHUP, action)) {}
  ~HangUp() { std::signal(SIGHUP, before_); }
  HangUp(const HangUp&) = delete;
  HangUp& operator=(const HangUp&) = delete;

 private:
  void (*before_)(int);
};

TEST_F(RunResume, SavesAtSighup) {
  const HangUp by_default(SIG_DFL);
  stop_by_signal(SIGHUP);
}

TEST_F(RunResume, GoesOnAtSighupUnderNohup) {
  const HangUp ignored(SIG_IGN);
  ConvfirstProcess process(tiny_run(scratch / "hung_up", kResumeSteps));
  ASSERT_TRUE(process.wait_for_message("step 9/42"));
  process.send(SIGHUP);
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(RunResume, SavesAtTheTimeLimit) {
  const std::string run = scratch / "limited";
  auto command = tiny_run(run, kResumeSteps);
  command.insert(command.end(), {"--max-time", "0.02s"});
  ProcessResult result = run_convfirst(command);
  ASSERT_EQ(result.exit_code, kSavedRunAgain) << result.err;
  EXPECT_NE(result.err.find("the same command goes on from here"), std::string::npos) << result.err;
  for (int i = 0; i < kResumeSteps && result.exit_code == kSavedRunAgain; ++i)
    result = run_convfirst(command);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_same_run(run, scratch / "whole");
}

// A time limit of no length still leaves a run that the same command goes on with.
TEST_F(RunResume, GoesOnFromStepZero) {
  const std::string run = scratch / "limited";
  auto command = tiny_run(run, kResumeSteps);
  command.insert(command.end(), {"--max-time", "0.000001s"});
  EXPECT_EQ(run_convfirst(command).exit_code, kSavedRunAgain);
  finish(run);
}

// Whether the process handles the signal by itself.
bool is_caught(pid_t process, int signal) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigCgt:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  return false;
}

// Opening a pipe that nobody writes to stands for data that takes long to open.
TEST(RunInterruption, WhileDataOpensEndsAtOnceAndLosesNothing) {
  const HangUp by_default(SIG_DFL);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    const ScratchFolder scratch;
    const std::string data = scratch / "slow.cfpack";
    ASSERT_EQ(::mkfifo(data.c_str(), 0600), 0);
    ConvfirstProcess process(tiny_run(scratch / "run", 10, {"data.train=" + data}));
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while (!is_caught(process.id(), signal) && Clock::now() < deadline) ::usleep(5'000);
    process.send(signal);
    const ProcessResult result = process.wait();
    EXPECT_EQ(result.exit_code, kSavedRunAgain) << result.err;
    EXPECT_EQ(result.err,
              "interrupted before the first step: nothing is lost, the same command starts again\n");
    EXPECT_FALSE(std::filesystem::exists(scratch / "run"));
  }
}

TEST(RunInterruption, ASecondSigintEndsTheRunAtOnce) {
  const ScratchFolder scratch;
  // The first evaluation takes long enough for two signals.
  ConvfirstProcess process(
      tiny_run(scratch / "run", 100000,
               {"data.val=\"synthetic:classes=4,size=24,channels=1,samples=100000\"", "eval.every=3st"}));
  ASSERT_TRUE(process.wait_for_message("step 3/"));
  process.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  process.send(SIGINT);
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, -SIGINT) << result.err;
  EXPECT_EQ(result.err.find("stopped at"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace cf

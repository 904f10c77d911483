// The program itself as a child process: what a user types, and what comes back.
//
//   const ScratchFolder scratch;
//   const ProcessResult result = run_convfirst({"model", "list"}, {.folder = scratch.path()});
//   EXPECT_EQ(result.exit_code, 0) << result.err;
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/scratch_folder.h"

namespace cf {

// Exit codes, as a user reads them in the manual.
inline constexpr int kUsageError = 2, kDataError = 3, kNumericError = 5, kCommunicationError = 6,
                     kCheckpointError = 7, kSavedRunAgain = 75;

// The program of this build, or the one that the environment variable CONVFIRST_UNDER_TEST names: so the
// tests of one build try the program of another, which has sanitizers.
std::string convfirst_program();

struct ProcessOptions {
  std::filesystem::path folder;      // working folder; empty: the test's own
  double timeout_seconds = 120;      // a child that runs longer is killed, and the test fails
  std::int64_t max_file_bytes = -1;  // RLIMIT_FSIZE: no file grows beyond it, as on a full disk; -1: no limit
  std::vector<std::string> environment;  // "NAME=VALUE", added to the test's own
};

struct ProcessResult {
  int exit_code = 0;  // -N: ended by signal N
  std::string out;    // stdout
  std::string err;    // stderr
};

// A child that is running. One that is still alive when this object goes is killed.
class ConvfirstProcess {
 public:
  explicit ConvfirstProcess(const std::vector<std::string>& arguments, ProcessOptions options = {});
  ~ConvfirstProcess();
  ConvfirstProcess(const ConvfirstProcess&) = delete;
  ConvfirstProcess& operator=(const ConvfirstProcess&) = delete;

  pid_t id() const { return id_; }
  void send(int signal) const;
  // Ends max_file_bytes: there is room again.
  void lift_file_limit() const;

  // Waits until stderr holds `text`; false if the child ended or the time ran out without it.
  bool wait_for_message(std::string_view text);

  ProcessResult wait();
  ProcessResult kill_and_wait();

 private:
  bool has_ended();
  double seconds_left() const;
  std::string read_back(std::string_view name) const;

  ProcessOptions options_;
  ScratchFolder output_;  // with the child's stdout and stderr
  pid_t id_ = -1;
  bool ended_ = false;
  int status_ = 0;  // as waitpid gives it
  double deadline_ = 0;
};

// Runs to the end.
ProcessResult run_convfirst(const std::vector<std::string>& arguments, ProcessOptions options = {});

}  // namespace cf

#include "tests/end_to_end/convfirst_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "kernels/base/check.h"

namespace cf {
namespace {

constexpr int kCannotStart = 127;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void pause_shortly() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool redirect(int descriptor, const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  return file >= 0 && ::dup2(file, descriptor) == descriptor;
}

// In the child, between fork and exec: system calls only.
bool prepare_child(const ProcessOptions& options, const std::string& out, const std::string& err) {
  if (!redirect(STDOUT_FILENO, out) || !redirect(STDERR_FILENO, err)) return false;
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) return false;
  if (options.max_file_bytes < 0) return true;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
  limit.rlim_cur = static_cast<rlim_t>(options.max_file_bytes);
  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

}  // namespace

std::string convfirst_program() {
  const char* other = ::getenv("CONVFIRST_UNDER_TEST");
  return other != nullptr ? other : CF_CONVFIRST;
}

ConvfirstProcess::ConvfirstProcess(const std::vector<std::string>& arguments, ProcessOptions options)
    : options_(std::move(options)), deadline_(now() + options_.timeout_seconds) {
  const std::string program = convfirst_program();
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables;
  for (char** variable = ::environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  variables.insert(variables.end(), options_.environment.begin(), options_.environment.end());
  const auto argv = pointers_to(words), envp = pointers_to(variables);
  const std::string out = output_ / "out", err = output_ / "err";

  id_ = ::fork();
  CF_CHECK(id_ >= 0, "cannot fork: ", std::strerror(errno));
  if (id_ == 0) {
    if (prepare_child(options_, out, err)) ::execve(program.c_str(), argv.data(), envp.data());
    ::_exit(kCannotStart);
  }
}

ConvfirstProcess::~ConvfirstProcess() {
  if (!ended_) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, &status_, 0);
  }
}

void ConvfirstProcess::send(int signal) const {
  if (!ended_) ::kill(id_, signal);
}

void ConvfirstProcess::lift_file_limit() const {
  struct rlimit limit {};
  CF_CHECK(::prlimit(id_, RLIMIT_FSIZE, nullptr, &limit) == 0,
           "cannot ask for a limit: ", std::strerror(errno));
  limit.rlim_cur = limit.rlim_max;
  CF_CHECK(::prlimit(id_, RLIMIT_FSIZE, &limit, nullptr) == 0, "cannot lift a limit: ", std::strerror(errno));
}

bool ConvfirstProcess::has_ended() {
  if (!ended_) ended_ = ::waitpid(id_, &status_, WNOHANG) == id_;
  return ended_;
}

double ConvfirstProcess::seconds_left() const { return deadline_ - now(); }

std::string ConvfirstProcess::read_back(std::string_view name) const {
  std::ifstream file(output_ / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool ConvfirstProcess::wait_for_message(std::string_view text) {
  for (;;) {
    const bool ended = has_ended();  // asked first: what it wrote last is there to be read then
    if (read_back("err").find(text) != std::string::npos) return true;
    if (ended || seconds_left() <= 0) return false;
    pause_shortly();
  }
}

ProcessResult ConvfirstProcess::wait() {
  while (!has_ended() && seconds_left() > 0) pause_shortly();
  if (!ended_) {
    ADD_FAILURE() << "convfirst was still running after " << options_.timeout_seconds
                  << " s, and is killed:\n"
                  << read_back("err");
    return kill_and_wait();
  }
  const int code = WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  return {code, read_back("out"), read_back("err")};
}

ProcessResult ConvfirstProcess::kill_and_wait() {
  send(SIGKILL);
  while (!has_ended()) pause_shortly();
  return wait();
}

ProcessResult run_convfirst(const std::vector<std::string>& arguments, ProcessOptions options) {
  return ConvfirstProcess(arguments, std::move(options)).wait();
}

}  // namespace cf

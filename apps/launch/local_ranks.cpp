#include "apps/launch/local_ranks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "kernels/base/check.h"

namespace cf::apps {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCannotStart = 127;
constexpr auto kNever = Clock::time_point::max();
constexpr int kPassedOn[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};

std::string cause() { return std::strerror(errno); }

// A free port of this host, held from before the first rank starts, so that no other program can take it.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    const bool listens = socket_ >= 0 && ::bind(socket_, generic, size) == 0 &&
                         ::listen(socket_, SOMAXCONN) == 0 && ::getsockname(socket_, generic, &size) == 0;
    CF_CHECK_AS(ErrorKind::Communication, listens, "cannot listen on a port of this host: ", cause());
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int socket() const { return socket_; }
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_of(int rank, int ranks, const Listener& listener) {
  std::vector<std::string> variables;
  for (char** variable = ::environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("CONVFIRST_")) variables.emplace_back(*variable);
  }
  // NCCL too keeps to this host, unless the user knows better.
  if (std::getenv("NCCL_SOCKET_IFNAME") == nullptr) variables.emplace_back("NCCL_SOCKET_IFNAME==lo");
  variables.push_back(concat("CONVFIRST_RANK=", rank));
  variables.push_back(concat("CONVFIRST_WORLD=", ranks));
  variables.push_back(concat("CONVFIRST_PORT=", listener.port()));
  if (rank == 0) variables.push_back(concat("CONVFIRST_SOCKET=", listener.socket()));
  return variables;
}

// The signals that this process waits for; blocked, so that none is lost between two waits.
class WaitedSignals {
 public:
  WaitedSignals() {
    sigemptyset(&waited_);
    sigaddset(&waited_, SIGCHLD);
    for (const int signal : kPassedOn) sigaddset(&waited_, signal);
    pthread_sigmask(SIG_BLOCK, &waited_, &before_);
  }
  ~WaitedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WaitedSignals(const WaitedSignals&) = delete;
  WaitedSignals& operator=(const WaitedSignals&) = delete;

  const sigset_t& before() const { return before_; }

  // 0 once the deadline has passed.
  int next(Clock::time_point deadline) const {
    if (deadline == kNever) return sigwaitinfo(&waited_, nullptr);
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now()).count();
    if (left <= 0) return 0;
    const timespec time{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    const int signal = sigtimedwait(&waited_, nullptr, &time);
    return signal < 0 && errno == EAGAIN ? 0 : signal;
  }

 private:
  sigset_t waited_{}, before_{};
};

class LocalRanks {
 public:
  LocalRanks(int ranks, const Command& command, const Arguments& arguments);
  ~LocalRanks() { send(SIGKILL); }
  LocalRanks(const LocalRanks&) = delete;
  LocalRanks& operator=(const LocalRanks&) = delete;

  int wait(double grace_seconds);

 private:
  struct Child {
    pid_t id = -1;
    std::optional<int> status;  // as waitpid gives it
  };

  void start(int rank, const Listener& listener, std::vector<std::string>& words);
  void send(int signal) const;
  void collect();
  bool all_ended() const;
  bool any_failed() const;
  int exit_code() const;

  WaitedSignals signals_;
  std::vector<Child> children_;
};

LocalRanks::LocalRanks(int ranks, const Command& command, const Arguments& arguments)
    : children_(static_cast<std::size_t>(ranks)) {
  const Listener listener;
  std::vector<std::string> words{"convfirst"};
  for (std::string_view name = command.name; !name.empty();) {
    const auto space = std::min(name.find(' '), name.size());
    words.emplace_back(name.substr(0, space));
    name.remove_prefix(std::min(space + 1, name.size()));
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (int rank = 0; rank < ranks; ++rank) start(rank, listener, words);
}

void LocalRanks::start(int rank, const Listener& listener, std::vector<std::string>& words) {
  auto variables = environment_of(rank, static_cast<int>(children_.size()), listener);
  const auto argv = pointers_to(words), envp = pointers_to(variables);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  CF_CHECK_AS(ErrorKind::Communication, child >= 0, "cannot start rank ", rank, ": ", cause());
  if (child != 0) {
    children_[static_cast<std::size_t>(rank)].id = child;
    return;
  }
  // System calls only from here to exec. A process group of its own: a signal from the terminal comes once,
  // through the parent.
  const bool inherits = rank != 0 || ::fcntl(listener.socket(), F_SETFD, 0) == 0;
  if (inherits && ::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent &&
      pthread_sigmask(SIG_SETMASK, &signals_.before(), nullptr) == 0) {
    ::execve("/proc/self/exe", argv.data(), envp.data());
  }
  ::_exit(kCannotStart);
}

int LocalRanks::wait(double grace_seconds) {
  const auto grace =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(grace_seconds));
  auto deadline = kNever;
  while (!all_ended()) {
    const int signal = signals_.next(deadline);
    if (signal == 0) {
      send(SIGKILL);
      deadline = kNever;
    } else if (signal > 0 && signal != SIGCHLD) {
      send(signal);
    }
    collect();
    if (deadline == kNever && any_failed()) deadline = Clock::now() + grace;
  }
  return exit_code();
}

void LocalRanks::send(int signal) const {
  for (const auto& child : children_) {
    if (child.id > 0 && !child.status) ::kill(child.id, signal);
  }
}

void LocalRanks::collect() {
  for (auto& child : children_) {
    int status = 0;
    if (!child.status && ::waitpid(child.id, &status, WNOHANG) == child.id) child.status = status;
  }
}

bool LocalRanks::all_ended() const {
  return std::all_of(children_.begin(), children_.end(), [](const Child& child) { return child.status; });
}

bool LocalRanks::any_failed() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const Child& child) { return child.status && *child.status != 0; });
}

int LocalRanks::exit_code() const {
  int code = 0;
  for (const auto& child : children_) {
    if (code == 0 && WIFEXITED(*child.status)) code = WEXITSTATUS(*child.status);
  }
  for (std::size_t rank = 0; rank < children_.size(); ++rank) {
    const int status = *children_[rank].status;
    if (!WIFSIGNALED(status)) continue;
    std::fprintf(stderr, "rank %zu was ended by signal %d (%s)\n", rank, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    if (code == 0) code = static_cast<int>(ErrorKind::Communication);
  }
  return code;
}

}  // namespace

int parse_rank_count(const std::string& text, int gpus) {
  constexpr int kMost = 1024;
  if (text == "all") {
    CF_CHECK_AS(ErrorKind::Usage, gpus > 0,
                "--ranks all means one for each GPU, and none is used; on a CPU give their number");
    return gpus;
  }
  int ranks = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ranks);
  CF_CHECK_AS(ErrorKind::Usage,
              error == std::errc() && end == text.data() + text.size() && ranks >= 1 && ranks <= kMost,
              "--ranks is '", text, "', must be all, or a number from 1 to ", kMost);
  CF_CHECK_AS(ErrorKind::Usage, gpus == 0 || ranks <= gpus, "--ranks is ", ranks, ", but ", gpus,
              gpus == 1 ? " GPU is" : " GPUs are", " visible here, and every rank needs one of its own");
  return ranks;
}

int run_local_ranks(int ranks, const Command& command, const Arguments& arguments, double grace_seconds) {
  return LocalRanks(ranks, command, arguments).wait(grace_seconds);
}

}  // namespace cf::apps

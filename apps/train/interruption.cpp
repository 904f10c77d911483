#include "apps/train/interruption.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string_view>

namespace cf::apps {

namespace {

volatile std::sig_atomic_t received = 0;
volatile std::sig_atomic_t interrupted = 0;  // by SIGINT

void on_signal(int signal) {
  if (signal == SIGINT && interrupted != 0) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  if (signal == SIGINT) interrupted = 1;
  received = signal;
}

volatile std::sig_atomic_t exit_code_at_start = 0, speaks_at_start = 0;

void on_signal_at_start(int) {
  constexpr std::string_view kMessage =
      "interrupted before the first step: nothing is lost, the same command starts again\n";
  if (speaks_at_start != 0) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
  }
  ::_exit(exit_code_at_start);
}

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};

// `nohup` has SIGHUP ignored, which a run inherits and keeps.
bool is_kept_ignored(int signal) {
  struct sigaction action;
  return signal == SIGHUP && sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void handle_signals(void (*handler)(int)) {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // a read of data goes on
  for (const int signal : kSignals) {
    if (!is_kept_ignored(signal)) sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void end_when_signalled(int exit_code, bool speaks) {
  exit_code_at_start = exit_code;
  speaks_at_start = speaks;
  handle_signals(on_signal_at_start);
}

Interruption::Interruption() {
  received = 0;
  interrupted = 0;
  handle_signals(on_signal);
  // A run goes on when the reader of its messages has gone.
  before_pipe_ = std::signal(SIGPIPE, SIG_IGN);
}

Interruption::~Interruption() {
  handle_signals(SIG_DFL);
  std::signal(SIGPIPE, before_pipe_);
}

int Interruption::signal_received() { return received; }

}  // namespace cf::apps

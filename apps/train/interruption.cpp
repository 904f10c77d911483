#include "apps/train/interruption.h"

#include <csignal>
#include <cstring>

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

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGUSR1};

}  // namespace

Interruption::Interruption() {
  received = 0;
  interrupted = 0;
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // a read of data goes on
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  // A run goes on when the reader of its messages has gone.
  before_pipe_ = std::signal(SIGPIPE, SIG_IGN);
}

Interruption::~Interruption() {
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  std::signal(SIGPIPE, before_pipe_);
}

int Interruption::signal_received() { return received; }

}  // namespace cf::apps

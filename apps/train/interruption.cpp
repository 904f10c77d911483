#include "apps/train/interruption.h"

#include <csignal>
#include <cstring>

namespace cf::apps {

namespace {

volatile std::sig_atomic_t received = 0;

void on_signal(int signal) {
  if (signal == SIGINT && received == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  received = signal;
}

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGUSR1};

}  // namespace

Interruption::Interruption() {
  received = 0;
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // a read of data goes on
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

Interruption::~Interruption() {
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
}

int Interruption::signal_received() { return received; }

}  // namespace cf::apps

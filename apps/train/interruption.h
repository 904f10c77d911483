// SIGTERM, SIGINT and SIGUSR1 ask a run to save and stop at the next step boundary; a second SIGINT ends it
// at once.
#pragma once

namespace cf::apps {

class Interruption {
 public:
  // Handles the signals as long as it lives; one at a time.
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // The signal that came, 0 for none.
  static int signal_received();

 private:
  void (*before_pipe_)(int);  // what SIGPIPE did
};

}  // namespace cf::apps

// SIGTERM, SIGINT, SIGUSR1 and SIGHUP ask a run to save and stop at the next step boundary; a second SIGINT
// ends it at once. SIGHUP comes when a terminal or a connection is lost, and stays ignored under `nohup`.
#pragma once

namespace cf::apps {

// From now on until the first Interruption one of these signals ends the process at once, with `exit_code`
// and, where it `speaks`, a line that says so: nothing has been done yet that would be lost.
void end_when_signalled(int exit_code, bool speaks);

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

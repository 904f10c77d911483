// A forked process that runs one function, for tests of what survives it.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace cf {

class ChildProcess {
 public:
  // The child ends with the value of body() as its exit status, 99 if it throws.
  template <class Body>
  explicit ChildProcess(Body&& body) : id_(::fork()) {
    if (id_ != 0) return;
    int status = 99;
    try {
      status = std::forward<Body>(body)();
    } catch (...) {
      status = 99;
    }
    ::_exit(status);
  }
  ~ChildProcess() {
    if (id_ > 0) kill_and_wait();
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }

  // Waits for its end and returns its exit status; -1 if a signal ended it.
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  int kill_and_wait() {
    ::kill(id_, SIGKILL);
    return wait();
  }

 private:
  pid_t id_;
};

}  // namespace cf

// What the doctor found about one thing.
#pragma once

#include <string>

namespace cf::apps {

struct Finding {
  enum class Status {
    Good,
    Note,     // works, but something is missing or slower than it could be
    Problem,  // some commands will fail
    Fatal,    // the program cannot run
  };

  std::string subject;  // "memory"
  Status status = Status::Good;
  std::string value;   // what is there
  std::string advice;  // what to do; empty where nothing is wrong
};

}  // namespace cf::apps

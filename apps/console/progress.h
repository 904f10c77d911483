// The state of a long loop on stderr: one line that is redrawn on a terminal, else now and then a plain line.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace cf::apps {

class Progress {
 public:
  // `plain_interval`: seconds between two lines where the stream is not a terminal. No stream: says nothing.
  Progress(std::string title, std::int64_t total, std::FILE* stream = stderr, double plain_interval = 10);
  // Removes an unfinished bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total, with a few words such as "loss 0.31". Cheap: draws ten times a second at most.
  void update(std::int64_t done, const std::string& words = "");

  // Leaves the terminal line clean, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw_bar(std::int64_t done, const std::string& words, double elapsed);
  void print_line(std::int64_t done, const std::string& words, double elapsed);

  std::string title_;
  std::int64_t total_;
  std::FILE* stream_;
  double plain_interval_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_ = start_;
};

}  // namespace cf::apps

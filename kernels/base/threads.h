// A fixed set of threads that run the parts of one loop together. Parts are assigned statically, so that sums
// taken per part have a fixed order for a given number of threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace cf {

class Threads {
 public:
  // `count` threads work on a loop: the caller and count - 1 workers. count >= 1.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const { return count_; }

  // Runs body(thread) once for each thread in [0, count) and waits for all; an exception of any is rethrown
  // here (the one of the lowest thread). One run at a time: body must not call run on the same Threads, nor
  // may another thread meanwhile; that is an error. A forked child has none of the workers.
  void run(const std::function<void(int thread)>& body);

  // Splits [0, size) into one contiguous range per thread, each a multiple of `grain` long but the last, and
  // runs body(first, last) on the non-empty ones.
  void split(std::int64_t size, std::int64_t grain,
             const std::function<void(std::int64_t, std::int64_t)>& body);

 private:
  void work(int thread);
  void stop();

  int count_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* body_ = nullptr;
  std::uint64_t generation_ = 0;
  int running_ = 0;
  std::atomic<bool> busy_ = false;
  bool stop_ = false;
  std::vector<std::exception_ptr> errors_;
};

// The range [first, last) of part `part` of `parts` equal parts of [0, size), in multiples of grain.
struct Range {
  std::int64_t first, last;
};
Range part_of(std::int64_t size, std::int64_t grain, int part, int parts);

}  // namespace cf

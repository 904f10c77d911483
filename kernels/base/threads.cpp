#include "kernels/base/threads.h"

#include <algorithm>
#include <system_error>

#include "kernels/base/check.h"

namespace cf {

Range part_of(std::int64_t size, std::int64_t grain, int part, int parts) {
  CF_CHECK(size >= 0 && grain >= 1, "a loop over ", size, " items in multiples of ", grain);
  const std::int64_t units = (size + grain - 1) / grain;
  const auto bound = [&](int p) { return std::min(size, units * p / parts * grain); };
  return {bound(part), bound(part + 1)};
}

Threads::Threads(int count) : count_(count) {
  CF_CHECK(count >= 1, "a thread count of ", count, ", must be at least 1");
  errors_.resize(static_cast<std::size_t>(count));
  workers_.reserve(static_cast<std::size_t>(count) - 1);
  try {
    for (int thread = 1; thread < count; ++thread) workers_.emplace_back([this, thread] { work(thread); });
  } catch (const std::system_error& error) {
    stop();
    fail(ErrorKind::Usage, "cannot start ", count, " threads: ", error.what());
  }
}

Threads::~Threads() { stop(); }

void Threads::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void Threads::work(int thread) {
  std::uint64_t seen = 0;
  for (;;) {
    const std::function<void(int)>* body = nullptr;
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
      body = body_;
    }
    try {
      (*body)(thread);
    } catch (...) {
      errors_[static_cast<std::size_t>(thread)] = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      --running_;
    }
    done_.notify_one();
  }
}

void Threads::run(const std::function<void(int)>& body) {
  CF_CHECK(!busy_.exchange(true), "Threads::run called inside or beside another run of the same threads");
  std::fill(errors_.begin(), errors_.end(), nullptr);
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    running_ = count_ - 1;
    ++generation_;
  }
  start_.notify_all();
  try {
    body(0);
  } catch (...) {
    errors_[0] = std::current_exception();
  }
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return running_ == 0; });
  }
  busy_ = false;
  for (const auto& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

void Threads::split(std::int64_t size, std::int64_t grain,
                    const std::function<void(std::int64_t, std::int64_t)>& body) {
  run([&](int thread) {
    const auto [first, last] = part_of(size, grain, thread, count_);
    if (first < last) body(first, last);
  });
}

}  // namespace cf

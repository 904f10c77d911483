// The votes of a rendezvous: each number is voted on once by every rank, and ends in the highest value.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace cf {

class Polls {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Polls(int world) : world_(world) {}

  // Rank `rank` votes. Returns the highest value when it was the last to do so; the number is then forgotten.
  std::optional<std::int64_t> vote(std::int64_t number, int rank, std::int64_t value);

  // Of each poll that is open for longer than `time`, and was not returned in that time: who has voted, and
  // who has not.
  struct Waiting {
    std::vector<int> voted, missing;
  };
  std::vector<Waiting> waiting(Clock::time_point now, Clock::duration time);

 private:
  struct Poll {
    std::vector<int> voted;
    std::int64_t highest = 0;
    Clock::time_point said;  // or began
  };

  int world_;
  std::map<std::int64_t, Poll> open_;  // by number
};

}  // namespace cf

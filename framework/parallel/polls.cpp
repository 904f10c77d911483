#include "framework/parallel/polls.h"

#include <algorithm>

namespace cf {

std::optional<std::int64_t> Polls::vote(std::int64_t number, int rank, std::int64_t value) {
  const auto [entry, is_first] = open_.try_emplace(number);
  Poll& poll = entry->second;
  if (is_first) poll.said = Clock::now();
  poll.highest = is_first ? value : std::max(poll.highest, value);
  poll.voted.push_back(rank);
  if (std::ssize(poll.voted) < world_) return std::nullopt;
  return open_.extract(entry).mapped().highest;
}

std::vector<Polls::Waiting> Polls::waiting(Clock::time_point now, Clock::duration time) {
  std::vector<Waiting> all;
  for (auto& numbered : open_) {
    Poll& poll = numbered.second;
    if (now - poll.said < time) continue;
    poll.said = now;
    Waiting& waiting = all.emplace_back(Waiting{.voted = poll.voted, .missing = {}});
    for (int rank = 0; rank < world_; ++rank) {
      if (std::find(poll.voted.begin(), poll.voted.end(), rank) == poll.voted.end()) {
        waiting.missing.push_back(rank);
      }
    }
  }
  return all;
}

}  // namespace cf

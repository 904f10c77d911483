// What the time of each rank went to, and which rank holds the others up.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace cf::apps {

// Seconds of training steps on one rank.
struct RankTimes {
  double all = 0;
  double data = 0;           // waiting for images
  double communication = 0;  // in collectives that computing does not hide, and waiting for other ranks there

  double compute() const { return all - data - communication; }
};

struct SlowestRank {
  std::int64_t rank;
  std::string cause;  // "data" or "compute": of what it has more than the others
};

// The rank that is busy with its own work longest, which is why the others wait; null where it is ahead of
// their mean by less than a tenth of the time, or is the only one.
std::optional<SlowestRank> slowest_rank(std::span<const RankTimes> ranks);

}  // namespace cf::apps

#include "apps/train/rank_times.h"

namespace cf::apps {

namespace {

constexpr double kNoticed = 0.1;

// The share of its time that a rank has more of something than the others on average.
template <class Seconds>
double lead(std::span<const RankTimes> ranks, std::size_t rank, Seconds seconds) {
  double others = 0;
  for (const RankTimes& r : ranks) others += seconds(r) / r.all;
  const double own = seconds(ranks[rank]) / ranks[rank].all;
  return own - (others - own) / static_cast<double>(ranks.size() - 1);
}

}  // namespace

std::optional<SlowestRank> slowest_rank(std::span<const RankTimes> ranks) {
  if (ranks.size() < 2) return std::nullopt;
  const auto busy = [](const RankTimes& r) { return r.data + r.compute(); };
  std::size_t slowest = 0;
  for (std::size_t i = 1; i < ranks.size(); ++i) {
    if (busy(ranks[i]) / ranks[i].all > busy(ranks[slowest]) / ranks[slowest].all) slowest = i;
  }
  if (lead(ranks, slowest, busy) < kNoticed) return std::nullopt;
  const double data = lead(ranks, slowest, [](const RankTimes& r) { return r.data; });
  const double compute = lead(ranks, slowest, [](const RankTimes& r) { return r.compute(); });
  return SlowestRank{static_cast<std::int64_t>(slowest), data > compute ? "data" : "compute"};
}

}  // namespace cf::apps

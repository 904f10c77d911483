#include "apps/bench/spread.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "kernels/base/check.h"

namespace cf::apps {

namespace {

double percentile(const std::vector<double>& ascending, double share) {
  const double at = share * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, ascending.size() - 1);
  return std::lerp(ascending[below], ascending[above], at - static_cast<double>(below));
}

double deviation_of(const std::vector<double>& samples, double mean) {
  if (samples.size() < 2) return 0;
  const double squares = std::accumulate(samples.begin(), samples.end(), 0.0, [=](double sum, double value) {
    return sum + (value - mean) * (value - mean);
  });
  return std::sqrt(squares / static_cast<double>(samples.size() - 1));
}

}  // namespace

Spread spread_of(std::vector<double> samples) {
  CF_CHECK(!samples.empty(), "the spread of no measurements");
  std::sort(samples.begin(), samples.end());
  const double mean =
      std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  return {.median = percentile(samples, 0.5),
          .p10 = percentile(samples, 0.1),
          .p90 = percentile(samples, 0.9),
          .least = samples.front(),
          .most = samples.back(),
          .mean = mean,
          .deviation = deviation_of(samples, mean),
          .samples = static_cast<std::int64_t>(samples.size())};
}

nlohmann::ordered_json as_json(const Spread& spread) {
  return {{"median", spread.median},       {"p10", spread.p10},        {"p90", spread.p90},
          {"min", spread.least},           {"max", spread.most},       {"mean", spread.mean},
          {"deviation", spread.deviation}, {"samples", spread.samples}};
}

}  // namespace cf::apps

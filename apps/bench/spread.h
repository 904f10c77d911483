// What is said about a sample of measurements.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace cf::apps {

struct Spread {
  double median = 0, p10 = 0, p90 = 0;  // percentiles, interpolated between neighbours
  double least = 0, most = 0;
  double mean = 0, deviation = 0;  // standard deviation of the sample
  std::int64_t samples = 0;
};

// At least one sample is needed.
Spread spread_of(std::vector<double> samples);

// {"median": ..., "p10": ..., "p90": ..., "min": ..., "max": ..., "mean": ..., "deviation": ..., "samples":
// ...}
nlohmann::ordered_json as_json(const Spread& spread);

}  // namespace cf::apps

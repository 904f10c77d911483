#include "apps/plot/axis_ticks.h"

#include <algorithm>
#include <cmath>

namespace cf::apps {

std::vector<double> axis_ticks(double least, double most, int count) {
  if (!(most > least)) {
    const double margin = least == 0 ? 1 : 0.1 * std::abs(least);
    least -= margin;
    most += margin;
  }
  const double rough = (most - least) / std::max(count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  // An end that is a tick but for rounding is that tick.
  const auto first = std::floor(least / step + 1e-6), last = std::ceil(most / step - 1e-6);
  std::vector<double> ticks;
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::vector<double> log_ticks(double least, double most) {
  constexpr double kFew = 200, kRounding = 1e-9;
  std::vector<double> factors = {1};
  if (most / least < kFew) factors = {1, 2, 5};
  std::vector<double> ticks;
  for (double power = std::pow(10.0, std::floor(std::log10(least)) - 1); true; power *= 10) {
    for (const double factor : factors) {
      const double tick = factor * power;
      if (tick <= least * (1 + kRounding)) ticks.clear();
      ticks.push_back(tick);
      if (tick >= most * (1 - kRounding) && ticks.size() > 1) return ticks;
    }
  }
}

}  // namespace cf::apps

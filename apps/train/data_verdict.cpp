#include "apps/train/data_verdict.h"

#include <fmt/format.h>

namespace cf::apps {

std::string data_verdict(std::int64_t epoch, double waited_seconds, double seconds, int threads) {
  constexpr double kNoticed = 0.1;
  if (waited_seconds < kNoticed * seconds) return {};
  return fmt::format(
      "data was the limit: {:.0f} % of epoch {} was spent waiting for images, which {} thread{} prepared; "
      "more "
      "data.threads, or images packed with a smaller side (`convfirst data pack --shorter-side`), help",
      100 * waited_seconds / seconds, epoch, threads, threads == 1 ? "" : "s");
}

}  // namespace cf::apps

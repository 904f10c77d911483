#include "apps/train/data_verdict.h"

#include <fmt/format.h>

#include "apps/images/data_advice.h"

namespace cf::apps {

std::string data_verdict(std::int64_t epoch, double waited_seconds, double seconds, int threads,
                         const data::StageSeconds& stages) {
  constexpr double kNoticed = 0.1;
  if (waited_seconds < kNoticed * seconds) return {};
  return fmt::format(
      "data was the limit: {:.0f} % of epoch {} was spent waiting for images, which {} thread{} prepared; "
      "more "
      "data.threads help, and {}",
      100 * waited_seconds / seconds, epoch, threads, threads == 1 ? "" : "s", data_advice(stages));
}

}  // namespace cf::apps

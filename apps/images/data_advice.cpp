#include "apps/images/data_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cf::apps {

std::string data_advice(const data::StageSeconds& seconds) {
  struct Stage {
    const char* name;
    double seconds;
    const char* help;
  };
  const std::array<Stage, 4> stages{{
      {"reading", seconds.read,
       "a faster disk helps, a pack in place of single files, or data.shuffle = \"block\""},
      {"decoding", seconds.decode,
       "images packed with a smaller side (`convfirst data pack --shorter-side`) decode faster"},
      {"resizing", seconds.resize,
       "images packed with a smaller side (`convfirst data pack --shorter-side`) and augment.filter = "
       "\"bilinear\" help"},
      {"augmenting", seconds.augment,
       "fewer or cheaper operations in [augment] help, of which color_jitter costs the most"},
  }};
  if (seconds.total() <= 0) return {};
  const Stage& longest = *std::max_element(
      stages.begin(), stages.end(), [](const Stage& a, const Stage& b) { return a.seconds < b.seconds; });
  return fmt::format("{} takes {:.0f} % of the threads' time: {}", longest.name,
                     100 * longest.seconds / seconds.total(), longest.help);
}

}  // namespace cf::apps

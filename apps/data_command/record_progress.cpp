#include "apps/data_command/record_progress.h"

#include <fmt/core.h>

#include "apps/console/format.h"

namespace cf::apps {

data::OnProgress RecordProgress::callback() {
  return [this](const data::Progress& progress) {
    bar_.update(progress.done, rate_text(progress.done, progress.bytes, seconds()));
  };
}

double RecordProgress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

std::string rate_text(std::int64_t images, std::int64_t bytes, double seconds) {
  if (seconds <= 0) return {};
  return fmt::format("{} images/s, {}/s",
                     format_count(static_cast<std::int64_t>(static_cast<double>(images) / seconds)),
                     format_bytes(static_cast<double>(bytes) / seconds));
}

}  // namespace cf::apps

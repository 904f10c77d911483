#include "apps/images/open_data.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "apps/console/format.h"
#include "apps/console/progress.h"

namespace cf::apps {

std::unique_ptr<data::Dataset> open_data(data::DatasetSource source, data::Split split, std::FILE* stream) {
  std::optional<Progress> bar;
  source.on_scan =
      [&, name = std::filesystem::path(source.path).filename().string()](const data::ScanProgress& progress) {
        constexpr std::uint64_t kMebibyte = 1 << 20;
        if (!bar)
          bar.emplace("reading the index of " + name, static_cast<std::int64_t>(progress.total / kMebibyte),
                      stream);
        bar->update(static_cast<std::int64_t>(progress.bytes / kMebibyte), "MiB");
      };
  return data::open_dataset(source, split);
}

}  // namespace cf::apps

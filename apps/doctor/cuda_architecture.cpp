#include "apps/doctor/cuda_architecture.h"

#include <algorithm>
#include <charconv>

namespace cf::apps {

namespace {

ArchitectureMatch match_of_one(std::string_view entry, int major, int minor) {
  int number = 0;
  const char* end = entry.data() + entry.size();
  const auto [rest, error] = std::from_chars(entry.data(), end, number);
  if (error != std::errc{}) return ArchitectureMatch::None;
  const std::string_view tail(rest, static_cast<std::size_t>(end - rest));
  const bool own_kind_only = !tail.empty() && tail[0] >= 'a' && tail[0] <= 'z';
  const bool machine_code = !tail.ends_with("-virtual"), portable = !tail.ends_with("-real");
  const int wanted = 10 * major + minor;
  if (own_kind_only && number != wanted) return ArchitectureMatch::None;
  if (machine_code && number / 10 == major && number <= wanted) return ArchitectureMatch::MachineCode;
  return portable && number <= wanted ? ArchitectureMatch::Portable : ArchitectureMatch::None;
}

}  // namespace

ArchitectureMatch match_of(std::string_view architectures, int major, int minor) {
  auto best = ArchitectureMatch::None;
  while (!architectures.empty()) {
    const auto end = std::min(architectures.find(';'), architectures.size());
    best = std::max(best, match_of_one(architectures.substr(0, end), major, minor));
    architectures.remove_prefix(std::min(end + 1, architectures.size()));
  }
  return best;
}

}  // namespace cf::apps

#include "apps/config/duration.h"

#include <charconv>
#include <cmath>

#include "kernels/base/check.h"

namespace cf::apps {
namespace {

// What is longer would overflow where it is turned into steps or into the clock's units.
bool is_representable(const Duration& duration) {
  return duration.value <= (duration.unit == Duration::Unit::Seconds ? 1e9 : 1e12);
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value) || std::signbit(value)) return std::nullopt;
  return value;
}

// H:M:S or M:S; minutes and seconds behind a colon are below 60.
std::optional<Duration> parse_clock(std::string_view text) {
  double total = 0;
  for (int part = 0; part < 3; ++part) {
    const auto colon = text.find(':');
    const auto value = parse_number(text.substr(0, colon));
    if (!value || (part > 0 && *value >= 60) || std::floor(*value) != *value) return std::nullopt;
    total = total * 60 + *value;
    if (colon == std::string_view::npos) return seconds(total);
    text.remove_prefix(colon + 1);
  }
  return std::nullopt;
}

// 90ep, 10000st, 90s, 30min, 2h.
std::optional<Duration> parse_unit(std::string_view text) {
  const auto suffix = text.find_first_not_of("0123456789.");
  if (suffix == std::string_view::npos) return std::nullopt;
  const auto value = parse_number(text.substr(0, suffix));
  if (!value) return std::nullopt;
  const std::string_view unit = text.substr(suffix);
  if (unit == "ep") return epochs(*value);
  if (unit == "st" && std::floor(*value) == *value) return steps(*value);
  if (unit == "s") return seconds(*value);
  if (unit == "min") return seconds(*value * 60);
  if (unit == "h") return seconds(*value * 3600);
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const bool is_clock = text.find(':') != std::string_view::npos;
  const auto duration = is_clock ? parse_clock(text) : parse_unit(text);
  return duration && is_representable(*duration) ? duration : std::nullopt;
}

std::string Duration::text() const {
  switch (unit) {
    case Unit::Epochs:
      return concat(value, "ep");
    case Unit::Steps:
      return concat(static_cast<std::int64_t>(value), "st");
    case Unit::Seconds:
      break;
  }
  if (value > 0 && std::fmod(value, 3600) == 0) return concat(value / 3600, "h");
  if (value > 0 && std::fmod(value, 60) == 0) return concat(value / 60, "min");
  return concat(value, "s");
}

std::int64_t Duration::steps(std::int64_t steps_per_epoch) const {
  CF_CHECK(unit != Unit::Seconds, "a duration of ", text(), " has no number of steps");
  return std::llround(unit == Unit::Epochs ? value * static_cast<double>(steps_per_epoch) : value);
}

}  // namespace cf::apps

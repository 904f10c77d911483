// Lengths of training: "90ep" (epochs), "10000st" (optimizer steps), "30min" (wall-clock time).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cf::apps {

struct Duration {
  enum class Unit { Epochs, Steps, Seconds };

  double value = 0;
  Unit unit = Unit::Epochs;

  // As the configuration writes it: "2.5ep", "10000st", "90s", "30min", "2h" (the largest unit that is
  // exact).
  std::string text() const;

  // Optimizer steps, rounded to the nearest; an error for a wall-clock duration.
  std::int64_t steps(std::int64_t steps_per_epoch) const;

  friend bool operator==(const Duration&, const Duration&) = default;
};

constexpr Duration epochs(double value) { return {value, Duration::Unit::Epochs}; }
constexpr Duration steps(double value) { return {value, Duration::Unit::Steps}; }
constexpr Duration seconds(double value) { return {value, Duration::Unit::Seconds}; }

// "2.5ep", "10000st", "90s", "30min", "1.5h", "3:50:00", "10:00" (minutes and seconds). Nothing if the text
// is none of these, is negative, or counts a fraction of a step.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace cf::apps

// One key of the configuration: where its value lives, what is allowed and what it means. Each config struct
// lists its keys once, in its fields() function (apps/config/config.cpp); reading, checking, printing, --set,
// the difference of two configurations and the table of keys all run over that list.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "apps/config/duration.h"

namespace cf::apps {

// A number of threads or "auto".
struct ThreadCount {
  int value = 0;  // 0: auto
  friend bool operator==(const ThreadCount&, const ThreadCount&) = default;
};

// The side of the training images in pixels, by epoch: 224, or [[0, 160], [150, 192], [260, 224]].
struct SizeSchedule {
  struct Step {
    int first_epoch = 0;
    int size = 0;
    friend bool operator==(const Step&, const Step&) = default;
  };
  std::vector<Step> steps = {{0, 224}};

  int at_epoch(int epoch) const;
  int largest() const;
  friend bool operator==(const SizeSchedule&, const SizeSchedule&) = default;
};

using NumberPair = std::array<double, 2>;

using FieldTarget = std::variant<bool*, int*, std::int64_t*, double*, std::string*, Duration*, ThreadCount*,
                                 SizeSchedule*, NumberPair*, std::vector<int>*, std::vector<double>*,
                                 std::vector<std::string>*, std::vector<Duration>*>;

// What values a key takes, beyond its type; for a list, each of its entries.
struct Allowed {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool without_least = false;  // the interval is open at that end
  bool without_most = false;
  std::vector<std::string_view> words;  // the only texts allowed; empty: any
  bool wall_clock = true;               // a duration may be minutes as well as epochs and steps
};

inline Allowed anything() { return {}; }
inline Allowed at_least(double least) { return {.least = least}; }
inline Allowed above(double least) { return {.least = least, .without_least = true}; }
inline Allowed between(double least, double most) { return {.least = least, .most = most}; }
inline Allowed from_below(double least, double most) {  // [least, most)
  return {.least = least, .most = most, .without_most = true};
}
inline Allowed above_up_to(double least, double most) {  // (least, most]
  return {.least = least, .most = most, .without_least = true};
}
inline Allowed positive_duration() { return {.least = 0, .without_least = true}; }
inline Allowed epochs_or_steps() { return {.least = 0, .wall_clock = false}; }
inline Allowed positive_epochs_or_steps() { return {.least = 0, .without_least = true, .wall_clock = false}; }
template <class... Words>
Allowed one_of(Words... words) {
  return {.words = {words...}};
}

struct Field {
  std::string key;  // "section.name", or "name" at the top level
  FieldTarget target;
  Allowed allowed;
  std::string_view meaning;
};

// Collects the fields of one config struct.
class FieldList {
 public:
  // The keys that follow belong to this section.
  void section(std::string_view name) { section_ = name; }

  template <class T>
  void operator()(std::string_view name, T& value, Allowed allowed, std::string_view meaning) {
    std::string key = section_.empty() ? std::string(name) : section_ + "." + std::string(name);
    fields_.push_back({std::move(key), &value, std::move(allowed), meaning});
  }

  std::vector<Field> take() { return std::move(fields_); }

 private:
  std::string section_;
  std::vector<Field> fields_;
};

// The value as TOML writes it.
std::string value_text(const Field& field);

// Type and range in words: "integer >= 1", "one of cosine, linear".
std::string allowed_text(const Field& field);

}  // namespace cf::apps

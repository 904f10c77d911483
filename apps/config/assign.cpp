#include "apps/config/assign.h"

#include <algorithm>
#include <cmath>

#include "apps/config/nearest.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

// Conversion of one value for one field; every failure is reported for the whole value of the key.
class Assignment {
 public:
  Assignment(const Field& field, const TomlValue& value, const std::string& where)
      : field_(field), value_(value), where_(where) {}

  void operator()(bool* target) const { *target = get<bool>(value_); }
  void operator()(int* target) const { *target = integer(value_); }
  void operator()(std::int64_t* target) const {
    const auto number = get<std::int64_t>(value_);
    check_range(static_cast<double>(number));
    *target = number;
  }
  void operator()(double* target) const { *target = number(value_); }
  void operator()(std::string* target) const { *target = word(value_); }
  void operator()(Duration* target) const { *target = duration(value_); }

  void operator()(ThreadCount* target) const {
    const auto* text = std::get_if<std::string>(&value_.data);
    *target = text && *text == "auto" ? ThreadCount{} : ThreadCount{integer(value_)};
  }

  void operator()(SizeSchedule* target) const {
    if (std::holds_alternative<std::int64_t>(value_.data)) {
      target->steps = {{0, integer(value_)}};
      return;
    }
    std::vector<SizeSchedule::Step> steps;
    for (const TomlValue& entry : get<std::vector<TomlValue>>(value_)) {
      const auto& pair = get<std::vector<TomlValue>>(entry);
      if (pair.size() != 2) wrong("does not consist of pairs");
      const auto epoch = get<std::int64_t>(pair[0]);
      const bool increasing = steps.empty() ? epoch == 0 : epoch > steps.back().first_epoch;
      if (!increasing || epoch > std::numeric_limits<int>::max()) {
        wrong("does not start at epoch 0 and increase");
      }
      steps.push_back({static_cast<int>(epoch), integer(pair[1])});
    }
    if (steps.empty()) wrong("is empty");
    target->steps = std::move(steps);
  }

  void operator()(NumberPair* target) const {
    const auto& values = get<std::vector<TomlValue>>(value_);
    if (values.size() != 2) wrong("has not two entries");
    *target = {number(values[0]), number(values[1])};
  }

  void operator()(std::vector<int>* target) const {
    *target = list<int>([this](const TomlValue& entry) { return integer(entry); });
  }
  void operator()(std::vector<double>* target) const {
    *target = list<double>([this](const TomlValue& entry) { return number(entry); });
  }
  void operator()(std::vector<std::string>* target) const {
    *target = list<std::string>([this](const TomlValue& entry) { return word(entry); });
  }
  void operator()(std::vector<Duration>* target) const {
    *target = list<Duration>([this](const TomlValue& entry) { return duration(entry); });
  }

 private:
  [[noreturn]] void wrong(const std::string& problem) const {
    fail(ErrorKind::Usage, where_, ": ", field_.key, " = ", value_.text(), " ", problem,
         "; allowed: ", allowed_text(field_));
  }

  template <class T>
  const T& get(const TomlValue& value) const {
    const T* found = std::get_if<T>(&value.data);
    if (!found) {
      const bool whole = &value == &value_;
      wrong(concat(whole ? "is " : "holds ", value.type()));
    }
    return *found;
  }

  void check_range(double number) const {
    const Allowed& allowed = field_.allowed;
    const bool low = allowed.without_least ? number > allowed.least : number >= allowed.least;
    const bool high = allowed.without_most ? number < allowed.most : number <= allowed.most;
    if (!std::isfinite(number) || !low || !high) wrong("is out of range");
  }

  int integer(const TomlValue& value) const {
    const auto number = get<std::int64_t>(value);
    check_range(static_cast<double>(number));
    if (number != static_cast<int>(number)) wrong("is out of range");
    return static_cast<int>(number);
  }

  double number(const TomlValue& value) const {
    const auto* whole = std::get_if<std::int64_t>(&value.data);
    const double number = whole ? static_cast<double>(*whole) : get<double>(value);
    check_range(number);
    return number;
  }

  std::string word(const TomlValue& value) const {
    const auto& text = get<std::string>(value);
    const auto& words = field_.allowed.words;
    if (!words.empty() && std::find(words.begin(), words.end(), text) == words.end()) {
      const auto suggestion = nearest(text, words);
      wrong(suggestion.empty() ? "is unknown" : concat("is unknown, did you mean \"", suggestion, "\"?"));
    }
    return text;
  }

  Duration duration(const TomlValue& value) const {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) wrong(concat("is ", value.type(), " without a unit"));
    const auto duration = parse_duration(*text);
    if (!duration) wrong("is not a duration");
    check_range(duration->value);
    if (duration->unit == Duration::Unit::Seconds && !field_.allowed.wall_clock) wrong("is wall-clock time");
    return *duration;
  }

  template <class T, class Convert>
  std::vector<T> list(Convert&& convert) const {
    std::vector<T> out;
    for (const TomlValue& entry : get<std::vector<TomlValue>>(value_)) out.push_back(convert(entry));
    return out;
  }

  const Field& field_;
  const TomlValue& value_;
  const std::string& where_;
};

}  // namespace

void assign(const Field& field, const TomlValue& value, const std::string& where) {
  std::visit(Assignment(field, value, where), field.target);
}

}  // namespace cf::apps

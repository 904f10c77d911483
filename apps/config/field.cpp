#include "apps/config/field.h"

#include <algorithm>
#include <type_traits>

#include "apps/config/toml_reader.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

struct ValueWriter {
  std::string operator()(const bool* value) const { return concat(*value); }
  std::string operator()(const int* value) const { return concat(*value); }
  std::string operator()(const std::int64_t* value) const { return concat(*value); }
  std::string operator()(const double* value) const { return toml_number(*value); }
  std::string operator()(const std::string* value) const { return toml_quoted(*value); }
  std::string operator()(const Duration* value) const { return toml_quoted(value->text()); }
  std::string operator()(const ThreadCount* value) const {
    return value->value == 0 ? "\"auto\"" : concat(value->value);
  }
  std::string operator()(const SizeSchedule* value) const {
    if (value->steps.size() == 1) return concat(value->steps.front().size);
    return list(value->steps, [](const SizeSchedule::Step& step) {
      return concat("[", step.first_epoch, ", ", step.size, "]");
    });
  }
  template <class Entries>
  std::string operator()(const Entries* values) const {
    return list(*values, [this](const auto& value) { return (*this)(&value); });
  }

 private:
  template <class Entries, class Write>
  static std::string list(const Entries& entries, Write&& write) {
    std::string out;
    for (const auto& entry : entries) out += (out.empty() ? "" : ", ") + write(entry);
    return "[" + out + "]";
  }
};

// "integer", "list of integers": singular and plural of what one entry is.
struct TypeNames {
  using Name = std::pair<std::string_view, bool>;  // name of an entry, is a list
  Name operator()(const bool*) const { return {"true or false", false}; }
  Name operator()(const int*) const { return {"integer", false}; }
  Name operator()(const std::int64_t*) const { return {"integer", false}; }
  Name operator()(const double*) const { return {"number", false}; }
  Name operator()(const std::string*) const { return {"string", false}; }
  Name operator()(const Duration*) const { return {"duration", false}; }
  Name operator()(const ThreadCount*) const { return {"\"auto\" or integer", false}; }
  Name operator()(const SizeSchedule*) const { return {"integer", false}; }
  Name operator()(const NumberPair*) const { return {"two numbers, each", true}; }
  Name operator()(const std::vector<int>*) const { return {"list of integers, each", true}; }
  Name operator()(const std::vector<double>*) const { return {"list of numbers, each", true}; }
  Name operator()(const std::vector<std::string>*) const { return {"list of strings, each", true}; }
  Name operator()(const std::vector<Duration>*) const { return {"list of durations, each", true}; }
};

std::string plain_number(double value) { return concat(value); }

// ">= 1", "in [0, 1)"; empty if every number is allowed.
std::string range_text(const Allowed& allowed) {
  const bool has_least = allowed.least != -std::numeric_limits<double>::infinity();
  const bool has_most = allowed.most != std::numeric_limits<double>::infinity();
  if (has_least && allowed.least == allowed.most) return plain_number(allowed.least);
  if (has_least && has_most) {
    return concat("in ", allowed.without_least ? "(" : "[", plain_number(allowed.least), ", ",
                  plain_number(allowed.most), allowed.without_most ? ")" : "]");
  }
  if (has_least) return concat(allowed.without_least ? "> " : ">= ", plain_number(allowed.least));
  if (has_most) return concat(allowed.without_most ? "< " : "<= ", plain_number(allowed.most));
  return "";
}

std::string duration_text(const Allowed& allowed) {
  return concat(allowed.without_least ? "above 0, " : "", "such as \"90ep\", \"10000st\"",
                allowed.wall_clock ? ", \"30min\", \"3:50:00\"" : "");
}

}  // namespace

int SizeSchedule::at_epoch(int epoch) const {
  int size = steps.front().size;
  for (const Step& step : steps) {
    if (step.first_epoch <= epoch) size = step.size;
  }
  return size;
}

int SizeSchedule::largest() const {
  return std::max_element(steps.begin(), steps.end(),
                          [](const Step& a, const Step& b) { return a.size < b.size; })
      ->size;
}

std::string value_text(const Field& field) {
  return std::visit([](const auto* value) { return ValueWriter{}(value); }, field.target);
}

std::string allowed_text(const Field& field) {
  const auto [name, is_list] = std::visit([](const auto* value) { return TypeNames{}(value); }, field.target);
  const Allowed& allowed = field.allowed;
  const bool is_duration = std::holds_alternative<Duration*>(field.target) ||
                           std::holds_alternative<std::vector<Duration>*>(field.target);
  std::string condition = is_duration ? duration_text(allowed) : range_text(allowed);
  if (!allowed.words.empty()) {
    condition = is_list ? "one of " : "";
    for (const auto word : allowed.words) {
      condition += concat(word == allowed.words.front() ? "" : ", ", "\"", word, "\"");
    }
    if (!is_list) return "one of " + condition;
  }
  if (condition.empty()) {
    constexpr std::string_view kEach = ", each";
    return std::string(is_list ? name.substr(0, name.size() - kEach.size()) : name);
  }
  const bool is_schedule = std::holds_alternative<SizeSchedule*>(field.target);
  return concat(name, " ", condition,
                is_schedule ? ", or a list of [epoch, size] whose epochs increase from 0" : "");
}

}  // namespace cf::apps

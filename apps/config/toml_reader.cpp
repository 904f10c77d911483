#include "apps/config/toml_reader.h"

#include <toml++/toml.h>
#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"

namespace cf::apps {
namespace {

// Every dot of a key opens a table inside a table, and the TOML library destroys those by recursion: a longer
// text could exhaust the stack.
constexpr std::size_t kMaxTextBytes = 32 * 1024;
constexpr int kMaxDepth = 16;

TomlValue value_of(const toml::node& node) {
  if (const auto* boolean = node.as_boolean()) return {boolean->get()};
  if (const auto* integer = node.as_integer()) return {integer->get()};
  if (const auto* number = node.as_floating_point()) return {number->get()};
  if (const auto* text = node.as_string()) return {text->get()};
  if (const auto* array = node.as_array()) {
    std::vector<TomlValue> values;
    for (const toml::node& entry : *array) values.push_back(value_of(entry));
    return {std::move(values)};
  }
  return {TomlValue::Other{node.is_table() ? "a table" : "a date or time"}};
}

struct Section {
  const toml::table& table;
  std::string prefix;  // "train."
  int depth;
};

void append_entries(const Section& section, const std::string& file, std::vector<TomlEntry>& entries) {
  for (const auto& [name, node] : section.table) {
    const int line = static_cast<int>(name.source().begin.line);
    const std::string key = section.prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table()) {
      CF_CHECK_AS(ErrorKind::Usage, section.depth < kMaxDepth, file, ":", line,
                  ": sections inside sections more than ", kMaxDepth, " deep: '", key, "'");
      append_entries({*inner, key + ".", section.depth + 1}, file, entries);
    } else {
      entries.push_back({key, value_of(node), line});
    }
  }
}

}  // namespace

std::vector<TomlEntry> read_toml(std::string_view text, const std::string& name) {
  CF_CHECK_AS(ErrorKind::Usage, text.size() <= kMaxTextBytes, name, ": ", text.size(),
              " bytes are no configuration: it has at most ", kMaxTextBytes);
  std::vector<TomlEntry> entries;
  try {
    const toml::table table = toml::parse(text);
    append_entries({table, "", 0}, name, entries);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::Usage, name, ":", error.source().begin.line, ": ", error.description());
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  return entries;
}

TomlValue read_setting(std::string_view text) {
  CF_CHECK_AS(ErrorKind::Usage, text.size() <= kMaxTextBytes, "a --set of ", text.size(),
              " bytes: it has at most ", kMaxTextBytes);
  if (text.find('\n') == std::string_view::npos) {
    try {
      const toml::table table = toml::parse("value = " + std::string(text));
      return value_of(*table.get("value"));
    } catch (const toml::parse_error&) {  // text such as 90ep or a path: a string without quotes
    }
  }
  return {std::string(text)};
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20 || code == 0x7f) {
      constexpr const char* kDigits = "0123456789ABCDEF";
      out += "\\u00";
      out += kDigits[code >> 4];
      out += kDigits[code & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  std::string text = concat(value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string TomlValue::text() const {
  struct Writer {
    std::string operator()(bool value) const { return concat(value); }
    std::string operator()(std::int64_t value) const { return concat(value); }
    std::string operator()(double value) const { return toml_number(value); }
    std::string operator()(const std::string& value) const { return toml_quoted(value); }
    std::string operator()(const std::vector<TomlValue>& values) const {
      std::string out;
      for (const TomlValue& value : values) out += (out.empty() ? "" : ", ") + value.text();
      return "[" + out + "]";
    }
    std::string operator()(const Other& other) const { return concat("(", other.type, ")"); }
  };
  return std::visit(Writer{}, data);
}

std::string_view TomlValue::type() const {
  constexpr std::string_view kNames[] = {"a boolean", "an integer", "a number", "a string", "a list"};
  const auto* other = std::get_if<Other>(&data);
  return other ? other->type : kNames[data.index()];
}

}  // namespace cf::apps

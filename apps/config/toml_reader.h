// A TOML text as a flat list of keys with the line of each: all the program sees of the TOML library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cf::apps {

// A value of a TOML file. Dates and tables inside arrays occur nowhere in a configuration: only their name is
// kept, for the message.
struct TomlValue {
  struct Other {
    std::string_view type;
  };
  std::variant<bool, std::int64_t, double, std::string, std::vector<TomlValue>, Other> data;

  // As a person would write it: 3, "text", [1, 2].
  std::string text() const;
  std::string_view type() const;  // with its article: "an integer"
};

struct TomlEntry {
  std::string key;  // dotted: "train.batch"
  TomlValue value;
  int line;
};

// All keys in the order of the text; an empty table is not an entry. A syntax error is of kind Usage,
// "NAME:LINE: ...", and so are sections more than 16 deep, and a text of more than 32 KiB.
std::vector<TomlEntry> read_toml(std::string_view text, const std::string& name);

// What stands behind "=" in a --set: a TOML value, or text that is none (90ep, cosine) as a string.
// More than 32 KiB are an error of kind Usage.
TomlValue read_setting(std::string_view text);

// A string as TOML writes it, quoted and escaped.
std::string toml_quoted(std::string_view text);

// A number as TOML writes it: the shortest digits that give the same value, with a point or an exponent.
std::string toml_number(double value);

}  // namespace cf::apps

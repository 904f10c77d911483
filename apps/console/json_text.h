// JSON for a command's output. Names of files and classes may be any bytes; what is not UTF-8 in them is
// written as replacement characters.
#pragma once

#include <string>

namespace cf::apps {

// Json: nlohmann::json or ordered_json. Without an indent on one line.
template <class Json>
std::string json_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cf::apps

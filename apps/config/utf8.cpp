#include "apps/config/utf8.h"

#include <nlohmann/json.hpp>

namespace cf::apps {

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace cf::apps

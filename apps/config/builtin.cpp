#include "apps/config/builtin.h"

#include <string>

namespace cf::apps {

const BuiltinConfig* find_builtin(std::string_view name) {
  const std::string plain(name);
  for (const std::string& file : {plain, plain + ".toml", "convfirstnet_" + plain + ".toml"}) {
    for (const BuiltinConfig& config : builtin_configs()) {
      if (config.file == file) return &config;
    }
  }
  return nullptr;
}

}  // namespace cf::apps

#include "apps/images/config_of_data.h"

#include <filesystem>

#include "apps/config/builtin.h"

namespace cf::apps {

Config config_of_data(const std::string& source, const std::vector<std::string>& settings) {
  const bool is_builtin = !std::filesystem::exists(source) && find_builtin(source) != nullptr;
  if (source.ends_with(".toml") || is_builtin) return load_config(source, settings).config;
  std::vector<std::string> all = {"data.train=" + source, "data.val=" + source};
  all.insert(all.end(), settings.begin(), settings.end());
  return load_config("nano", all).config;
}

}  // namespace cf::apps

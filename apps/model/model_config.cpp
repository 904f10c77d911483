#include "apps/model/model_config.h"

#include <filesystem>

#include "apps/checkpoint/loaded_model.h"

namespace cf::apps {

Config model_config(const std::string& what, const std::vector<std::string>& settings) {
  const std::filesystem::path path(what);
  // "best" and "last" of a run are links.
  const bool is_link = std::filesystem::is_symlink(path) && path.extension() != ".toml";
  if (std::filesystem::is_directory(path) || path.extension() == ".safetensors" || is_link) {
    CF_CHECK_AS(ErrorKind::Usage, settings.empty(), "--set does not change what ", what,
                " was trained with; give its config.toml to see another network");
    return read_header(SafetensorsReader(checkpoint_file(path))).config;
  }
  return load_config(what, settings).config;
}

}  // namespace cf::apps

// The files of configs/, embedded in the program, so that an installed binary has them anywhere.
#pragma once

#include <span>
#include <string_view>

namespace cf::apps {

struct BuiltinConfig {
  std::string_view file;  // "convfirstnet_small.toml"
  std::string_view text;
};

// All of configs/*.toml, sorted by name. Defined in a source that apps/CMakeLists.txt generates.
std::span<const BuiltinConfig> builtin_configs();

// By file name, with or without ".toml", or by the size of a ConvFirstNet ("small"); nullptr: none.
const BuiltinConfig* find_builtin(std::string_view name);

}  // namespace cf::apps

// The network that a command is to look at, by whatever names it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/config/config.h"

namespace cf::apps {

inline constexpr std::string_view kModelHelp = "preset such as small, TOML file, checkpoint or run folder";

// The configuration behind `what`, with `settings` (KEY=VALUE) applied, which a checkpoint or run folder does
// not take (a Usage error).
Config model_config(const std::string& what, const std::vector<std::string>& settings);

}  // namespace cf::apps

// What commands about images take: a recipe, or only data.
#pragma once

#include <string>
#include <vector>

#include "apps/config/config.h"

namespace cf::apps {

// The recipe `source` (a TOML file, or one that is built in), or the defaults with the data set at the path
// `source` as data.train and data.val; with `settings` "key=value" over it.
Config config_of_data(const std::string& source, const std::vector<std::string>& settings);

}  // namespace cf::apps

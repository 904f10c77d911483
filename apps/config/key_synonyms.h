// Keys by the names that other programs give them.
#pragma once

#include <string_view>

namespace cf::apps {

// "train.duration" for "epochs"; empty for a name that no other program is known to use. `name` is what
// follows the last dot.
std::string_view key_called(std::string_view name);

}  // namespace cf::apps

// Whether a text can be stored in a configuration and in a checkpoint.
#pragma once

#include <string>

namespace cf::apps {

bool is_utf8(const std::string& text);

}  // namespace cf::apps

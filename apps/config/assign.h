// From a TOML value to a field, with the checks of type and range.
#pragma once

#include <string>

#include "apps/config/field.h"
#include "apps/config/toml_reader.h"

namespace cf::apps {

// Writes `value` into the field. An error starts with `where` ("FILE:LINE" or "--set").
void assign(const Field& field, const TomlValue& value, const std::string& where);

}  // namespace cf::apps

// A file that a command was asked to write.
#pragma once

#include <string>

namespace cf::apps {

// Replaces what was there. That it cannot be written is a Usage error, and leaves no part of a file.
void write_output_file(const std::string& path, const std::string& text);

}  // namespace cf::apps

// Whether a stream is a terminal, and what may be written to it.
#pragma once

#include <cstdio>

namespace cf::apps {

bool is_terminal(std::FILE* stream);

// Colour escapes only on a terminal, never with NO_COLOR set (https://no-color.org) or TERM=dumb.
bool wants_color(std::FILE* stream);

// Columns of the terminal; 80 where that is unknown.
int terminal_columns(std::FILE* stream);

}  // namespace cf::apps

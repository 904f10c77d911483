// Text inside HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace cf::apps {

// & < > " escaped; control characters, which XML forbids, replaced by a space.
std::string xml_escaped(std::string_view text);

// At most `length` bytes, cut at a character boundary with "…" behind.
std::string shortened(std::string_view text, std::size_t length);

}  // namespace cf::apps

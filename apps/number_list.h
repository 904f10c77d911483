// Lists of numbers as options take them.
#pragma once

#include <string>
#include <vector>

namespace cf::apps {

// "224,256" as whole numbers from 1. A Usage error names the option and says what it `must_be`: "pixels such
// as 224 or 224,256".
std::vector<int> parse_numbers(const std::string& option, const std::string& text,
                               const std::string& must_be);

}  // namespace cf::apps

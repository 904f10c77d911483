// Numbers for people, fields for files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cf::apps {

std::string format_duration(double seconds);   // "0.35 s", "12.3 s", "3m41s", "1h02m", "2d03h"
std::string format_bytes(double bytes);        // "512 B", "1.2 GiB"
std::string format_count(std::int64_t count);  // "1,281,167"
std::string format_quantity(double quantity);  // three digits and a prefix: "170 k", "2.86 M", "1.06 G"
std::string format_percent(double share, int decimals = 2);  // 0.9213 -> "92.13 %"

// A field of a CSV file: in quotes, quotes inside doubled.
std::string format_csv_field(std::string_view text);

}  // namespace cf::apps

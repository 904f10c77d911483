// The string-to-string map in the header of a safetensors file, and typed values in it.
//
// A missing or malformed value is an ErrorKind::Checkpoint that names the key and the text found.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cf {

using Metadata = std::map<std::string, std::string, std::less<>>;

void put_int(Metadata& metadata, std::string_view key, std::int64_t value);
void put_double(Metadata& metadata, std::string_view key,
                double value);  // shortest text that reads back equal
void put_string(Metadata& metadata, std::string_view key, std::string_view value);
void put_json(Metadata& metadata, std::string_view key, const nlohmann::json& value);

std::int64_t get_int(const Metadata& metadata, std::string_view key);
double get_double(const Metadata& metadata, std::string_view key);
const std::string& get_string(const Metadata& metadata, std::string_view key);
nlohmann::json get_json(const Metadata& metadata, std::string_view key);

}  // namespace cf

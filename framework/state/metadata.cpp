#include "framework/state/metadata.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "kernels/base/check.h"

namespace cf {
namespace {

template <class Number>
Number parse_number(const std::string& text, std::string_view key, std::string_view expected) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CF_CHECK_AS(ErrorKind::Checkpoint, error == std::errc{} && end == text.data() + text.size(),
              "metadata key '", key, "' is '", text.substr(0, 80), "', must be ", expected);
  return value;
}

}  // namespace

void put_string(Metadata& metadata, std::string_view key, std::string_view value) {
  metadata.insert_or_assign(std::string(key), std::string(value));
}

void put_int(Metadata& metadata, std::string_view key, std::int64_t value) {
  put_string(metadata, key, concat(value));
}

void put_double(Metadata& metadata, std::string_view key, double value) {
  put_string(metadata, key, concat(value));
}

void put_json(Metadata& metadata, std::string_view key, const nlohmann::json& value) {
  try {
    put_string(metadata, key, value.dump());
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::Internal, "metadata key '", key, "' cannot be written as JSON: ", error.what());
  }
}

const std::string& get_string(const Metadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  CF_CHECK_AS(ErrorKind::Checkpoint, found != metadata.end(), "metadata key '", key, "' is missing");
  return found->second;
}

std::int64_t get_int(const Metadata& metadata, std::string_view key) {
  return parse_number<std::int64_t>(get_string(metadata, key), key, "a 64-bit integer");
}

double get_double(const Metadata& metadata, std::string_view key) {
  return parse_number<double>(get_string(metadata, key), key, "a number");
}

nlohmann::json get_json(const Metadata& metadata, std::string_view key) {
  try {
    return nlohmann::json::parse(get_string(metadata, key));
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::Checkpoint, "metadata key '", key, "' is not valid JSON: ", error.what());
  }
}

}  // namespace cf

#include "framework/state/safetensors_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "kernels/base/crc32c.h"

namespace cf {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<DType, std::string_view>, 6> kDTypeNames{{{DType::Float64, "F64"},
                                                                         {DType::Float32, "F32"},
                                                                         {DType::Float16, "F16"},
                                                                         {DType::BFloat16, "BF16"},
                                                                         {DType::UInt8, "U8"},
                                                                         {DType::Int64, "I64"}}};

std::string_view file_name_of(DType dtype) {
  const auto* const found =
      std::ranges::find(kDTypeNames, dtype, [](const auto& pair) { return pair.first; });
  return found->second;
}

DType parse_dtype(const std::string& text, const std::string& tensor, ErrorKind kind) {
  const auto* const found =
      std::ranges::find(kDTypeNames, text, [](const auto& pair) { return pair.second; });
  CF_CHECK_AS(kind, found != kDTypeNames.end(), "tensor ", printable(tensor), " has the element type ",
              printable(text), ", which is not supported (F64, F32, F16, BF16, U8, I64 are)");
  return found->first;
}

// JSON that keeps the first of two equal keys or the last without a word would hide damage: keys are
// collected while parsing. Depth 0 is the header, 1 a tensor or the metadata, 2 a shape.
struct ParsedJson {
  json root;
  std::vector<std::string> names;  // keys of the root, in the order of the file
};

ParsedJson parse_json(std::string_view text, ErrorKind kind) {
  ParsedJson parsed;
  std::set<std::string> names, inner;
  const auto callback = [&](int depth, json::parse_event_t event, json& value) {
    const bool object = event == json::parse_event_t::object_start;
    const int deepest = object ? 1 : 2;
    CF_CHECK_AS(kind, depth <= deepest || !(object || event == json::parse_event_t::array_start),
                "the header is nested deeper than a safetensors header may be");
    if (object) inner.clear();
    if (event == json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      CF_CHECK_AS(kind, (depth == 1 ? names : inner).insert(key).second, "the header has ", printable(key),
                  " twice", depth == 1 ? "" : " in one object");
      if (depth == 1) parsed.names.push_back(key);
    }
    return true;
  };
  try {
    parsed.root = json::parse(text, callback);
  } catch (const json::exception& error) {
    fail(kind, "the header is not valid JSON: ", printable(error.what()));
  }
  CF_CHECK_AS(kind, parsed.root.is_object(), "the header is not a JSON object");
  return parsed;
}

const json& member(const json& object, const std::string& tensor, const char* key, json::value_t type,
                   ErrorKind kind) {
  CF_CHECK_AS(kind, object.is_object(), "the header's entry of tensor ", printable(tensor),
              " is not an object");
  const auto found = object.find(key);
  CF_CHECK_AS(kind, found != object.end(), "tensor ", printable(tensor), " has no '", key, "'");
  CF_CHECK_AS(kind, found->type() == type, "'", key, "' of tensor ", printable(tensor),
              " is of the wrong type");
  return *found;
}

std::vector<std::int64_t> parse_integers(const json& array, const std::string& tensor, const char* key,
                                         ErrorKind kind) {
  std::vector<std::int64_t> values;
  for (const auto& item : array) {
    const bool fits = item.is_number_unsigned() &&
                      item.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    CF_CHECK_AS(kind, fits, "'", key, "' of tensor ", printable(tensor), " holds ", printable(item.dump()),
                ", must hold integers of at least 0");
    values.push_back(item.get<std::int64_t>());
  }
  return values;
}

Metadata parse_metadata(const json& object, ErrorKind kind) {
  CF_CHECK_AS(kind, object.is_object(), "'__metadata__' is not an object");
  Metadata metadata;
  for (const auto& [key, value] : object.items()) {
    CF_CHECK_AS(kind, value.is_string(), "metadata key ", printable(key), " is not a string");
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

Checksums parse_checksums(const std::string& text, ErrorKind kind) {
  const auto object = parse_json(text, kind).root;
  Checksums checksums;
  for (const auto& [name, value] : object.items()) {
    CF_CHECK_AS(kind, value.is_string(), "the checksum of ", printable(name), " is not a string");
    const auto& digits = value.get_ref<const std::string&>();
    std::uint32_t crc = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), crc, 16);
    CF_CHECK_AS(kind, error == std::errc{} && digits.size() == 8 && end == digits.data() + digits.size(),
                "the checksum of ", printable(name), " is ", printable(digits),
                ", must be 8 hexadecimal digits");
    checksums.emplace(name, crc);
  }
  return checksums;
}

struct Span {
  std::int64_t begin, end;
};

struct Located {
  TensorEntry entry;
  Span bytes;
};

Located parse_entry(const std::string& name, const json& object, std::int64_t data_size, ErrorKind kind) {
  Located located;
  auto& entry = located.entry;
  entry.name = name;
  entry.dtype =
      parse_dtype(member(object, name, "dtype", json::value_t::string, kind).get<std::string>(), name, kind);
  entry.shape =
      parse_integers(member(object, name, "shape", json::value_t::array, kind), name, "shape", kind);
  const auto offsets = parse_integers(member(object, name, "data_offsets", json::value_t::array, kind), name,
                                      "data_offsets", kind);
  CF_CHECK_AS(kind, offsets.size() == 2, "'data_offsets' of tensor ", printable(name), " holds ",
              offsets.size(), " numbers, must hold 2");
  const auto begin = offsets[0], end = offsets[1];
  CF_CHECK_AS(kind, begin <= end && end <= data_size, "tensor ", printable(name), " lies at [", begin, ", ",
              end, ") of ", data_size, " bytes of data: out of range");
  const auto bytes = byte_count(entry, kind);
  CF_CHECK_AS(kind, end - begin == bytes, "tensor ", printable(name), " has ", end - begin,
              " bytes, its shape and element type need ", bytes);
  located.bytes = {begin, end};
  return located;
}

void check_contiguous(const std::vector<Located>& tensors, std::int64_t data_size, ErrorKind kind) {
  std::int64_t at = 0;
  const std::string* previous = nullptr;
  for (const auto& [entry, bytes] : tensors) {
    CF_CHECK_AS(kind, bytes.begin >= at, "tensor ", printable(entry.name), " overlaps tensor ",
                previous == nullptr ? std::string() : printable(*previous));
    CF_CHECK_AS(kind, bytes.begin == at, bytes.begin - at, " bytes in front of tensor ",
                printable(entry.name), " belong to no tensor");
    at = bytes.end;
    previous = &entry.name;
  }
  CF_CHECK_AS(kind, at == data_size, data_size - at, " bytes at the end of the file belong to no tensor");
}

void append_entry(std::string& text, const TensorEntry& entry, Span bytes) {
  text += concat(json(entry.name).dump(), ":{\"dtype\":\"", file_name_of(entry.dtype),
                 "\",\"shape\":", json(entry.shape).dump(), ",\"data_offsets\":[", bytes.begin, ",",
                 bytes.end, "]}");
}

}  // namespace

SafetensorsHeader parse_header(std::string_view text, std::int64_t data_size, ErrorKind kind) {
  const auto parsed = parse_json(text, kind);
  SafetensorsHeader header;
  std::vector<Located> tensors;
  for (const auto& name : parsed.names) {
    const auto& object = parsed.root.at(name);
    if (name == kHeaderName) {
      header.metadata = parse_metadata(object, kind);
    } else {
      tensors.push_back(parse_entry(name, object, data_size, kind));
    }
  }
  // Empty tensors share their offset with a neighbour; among themselves they keep the order of the header.
  std::ranges::stable_sort(tensors, [](const Located& a, const Located& b) {
    return std::pair(a.bytes.begin, a.bytes.end) < std::pair(b.bytes.begin, b.bytes.end);
  });
  check_contiguous(tensors, data_size, kind);
  for (auto& [entry, bytes] : tensors) {
    header.entries.push_back(std::move(entry));
    header.offsets.push_back(bytes.begin);
  }
  if (const auto found = header.metadata.find(kChecksumsKey); found != header.metadata.end()) {
    header.checksums = in_context([] { return "metadata key 'crc32c'"; },
                                  [&] { return parse_checksums(found->second, kind); });
    header.metadata.erase(found);
  }
  return header;
}

std::string header_text(std::span<const TensorEntry> entries, const Metadata& metadata) try {
  std::string text = "{";
  if (!metadata.empty()) text += concat("\"", kHeaderName, "\":", json(metadata).dump());
  std::int64_t at = 0;
  for (const auto& entry : entries) {
    if (text.size() > 1) text += ',';
    const auto end = at + byte_count(entry);
    append_entry(text, entry, {at, end});
    at = end;
  }
  return text + "}";
} catch (const json::exception& error) {
  fail(ErrorKind::Internal, "a tensor name or metadata cannot be written as JSON: ", error.what());
}

std::string checksums_text(const Checksums& checksums) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  json object = json::object();
  for (const auto& [name, crc] : checksums) {
    std::string hex;
    for (int shift = 28; shift >= 0; shift -= 4) hex += kDigits[(crc >> shift) & 15u];
    object[name] = std::move(hex);
  }
  return object.dump();
}

std::uint32_t header_crc32c(std::span<const TensorEntry> entries, const Metadata& metadata) {
  const auto text = header_text(entries, metadata);
  return crc32c(std::as_bytes(std::span(text)));
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (text.size() > kLongest) out += "...";
  return out + "'";
}

std::int64_t element_count(const TensorEntry& entry, ErrorKind kind) {
  std::int64_t count = 1;
  for (const auto extent : entry.shape) {
    CF_CHECK_AS(kind, extent >= 0 && !__builtin_mul_overflow(count, extent, &count), "the shape of tensor ",
                printable(entry.name), " has a negative extent or too many elements");
  }
  return count;
}

std::int64_t byte_count(const TensorEntry& entry, ErrorKind kind) {
  std::int64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(element_count(entry, kind), size_of(entry.dtype), &bytes);
  CF_CHECK_AS(kind, fits, "tensor ", printable(entry.name), " is too large");
  return bytes;
}

}  // namespace cf

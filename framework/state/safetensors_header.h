// The header of a safetensors file as text and as values. Internal to the reader and the writer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/state/safetensors_file.h"

namespace cf {

inline constexpr std::int64_t kSafetensorsPrefix = 8;        // bytes of the header length
inline constexpr std::int64_t kLongestHeader = 100'000'000;  // the limit of the format's own library
inline constexpr std::string_view kChecksumsKey = "crc32c";  // in the metadata
inline constexpr std::string_view kHeaderName =
    "__metadata__";  // of the metadata; in the checksums, of the header

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;   // in the order of the data
  std::vector<std::int64_t> offsets;  // of each entry, from the end of the header
  Metadata metadata;                  // without the checksums
  std::optional<Checksums> checksums;
};

// Parses and checks the JSON of a header that `data_size` bytes follow. Errors are of `kind` and name the
// tensor.
SafetensorsHeader parse_header(std::string_view json, std::int64_t data_size, ErrorKind kind);

// The JSON text: tensors one after another in the given order; not padded.
std::string header_text(std::span<const TensorEntry> entries, const Metadata& metadata);

// The checksums as the text of their metadata key, and back.
std::string checksums_text(const Checksums& checksums);

// Checksum of the header without its checksums.
std::uint32_t header_crc32c(std::span<const TensorEntry> entries, const Metadata& metadata);

// Text of an untrusted file fit for a message: at most about 100 characters, quoted, control characters as
// '?'.
std::string printable(std::string_view text);

}  // namespace cf

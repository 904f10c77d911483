// The bytes of a pack file, version 1. Numbers are little-endian.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/base/crc32c.h"

namespace cf::data {

static_assert(std::endian::native == std::endian::little,
              "pack files are read and written as they lie in memory");

inline constexpr std::array<char, 8> kPackMagic{'\x93', 'c', 'f', 'p', 'a', 'c', 'k', '\n'};
inline constexpr std::uint32_t kPackVersion = 1;

struct PackHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t entry_bytes;  // 32
  std::uint64_t records;
  std::uint64_t description_offset;  // the records end here
  std::uint64_t description_bytes;
  std::uint64_t index_offset;  // the index ends with the file
  std::uint32_t description_crc;
  std::uint32_t index_crc;
  std::uint32_t reserved;    // 0
  std::uint32_t header_crc;  // of the 60 bytes before
};
static_assert(sizeof(PackHeader) == 64 && std::is_trivially_copyable_v<PackHeader>);

struct PackEntry {
  std::uint64_t offset;  // of the image's bytes; the name follows
  std::uint32_t image_bytes;
  std::uint16_t name_bytes;
  std::uint8_t encoding;  // ImageEncoding
  std::uint8_t channels;  // of Raw, else 0
  std::uint32_t height, width;
  std::uint32_t label;
  std::uint32_t crc;  // of image and name
};
static_assert(sizeof(PackEntry) == 32 && std::is_trivially_copyable_v<PackEntry>);

// What the fields named crc hold; `previous` as of crc32c.
inline std::uint32_t pack_checksum(const void* data, std::size_t bytes, std::uint32_t previous = 0) {
  return crc32c({static_cast<const std::byte*>(data), bytes}, previous);
}

// The description: uint32 channels, text source, uint32 number of classes, uint32 1 if ids follow the names,
// else 0, then a text per name and per id. A text is a uint32 length and so many bytes of UTF-8.

}  // namespace cf::data

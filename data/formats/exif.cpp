#include "data/formats/exif.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace cf::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Bytes past the end are zero.
std::uint32_t number_at(Bytes bytes, std::size_t at, int count, bool little_endian) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    const auto place = at + static_cast<std::size_t>(little_endian ? count - 1 - i : i);
    value = value << 8 | (place < bytes.size() ? bytes[place] : 0u);
  }
  return value;
}

// From TIFF's header on, as APP1 holds it.
int orientation_in_tiff(Bytes tiff) {
  constexpr std::uint32_t kOrientation = 0x0112, kShort = 3;
  constexpr std::size_t kEntryBytes = 12;
  const bool little = number_at(tiff, 0, 2, false) == 0x4949;  // "II"; else "MM"
  const std::size_t directory = number_at(tiff, 4, 4, little);
  const std::size_t entries = number_at(tiff, directory, 2, little);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > tiff.size()) return 1;
    if (number_at(tiff, entry, 2, little) != kOrientation) continue;
    const auto value = static_cast<int>(number_at(tiff, entry + 8, 2, little));
    const bool is_valid = number_at(tiff, entry + 2, 2, little) == kShort && value >= 1 && value <= 8;
    return is_valid ? value : 1;
  }
  return 1;
}

}  // namespace

int exif_orientation(Bytes jpeg) {
  constexpr std::uint8_t kApp1 = 0xe1, kStartOfScan = 0xda;
  constexpr std::string_view kName{"Exif\0\0", 6};
  std::size_t at = 2;  // behind the start marker
  while (at + 4 <= jpeg.size() && jpeg[at] == 0xff) {
    const std::uint8_t marker = jpeg[at + 1];
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == kStartOfScan || marker < 0xc0) return 1;
    const std::size_t bytes = number_at(jpeg, at + 2, 2, false);
    const std::size_t begin = at + 4, end = std::min(jpeg.size(), at + 2 + bytes);
    if (bytes < 2) return 1;
    if (marker == kApp1 && end - std::min(begin, end) > kName.size()) {
      const Bytes contents = jpeg.subspan(begin, end - begin);
      if (std::equal(kName.begin(), kName.end(), contents.begin(),
                     [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; })) {
        return orientation_in_tiff(contents.subspan(kName.size()));
      }
    }
    at = end;
  }
  return 1;
}

}  // namespace cf::data

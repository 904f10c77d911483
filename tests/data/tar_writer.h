// Tar archives, written for the tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace cf::data {

inline void put_text(std::vector<std::uint8_t>& block, std::size_t at, const std::string& text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

inline std::string octal(std::size_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*zo", digits, value);
  return text;
}

inline std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

// A ustar header and the contents, padded.
inline std::vector<std::uint8_t> tar_member(const std::string& name,
                                            const std::vector<std::uint8_t>& contents, char type = '0',
                                            const std::string& prefix = "") {
  std::vector<std::uint8_t> block(512);
  put_text(block, 0, name);
  put_text(block, 124, octal(contents.size(), 11));
  put_text(block, 148, "        ");
  block[156] = static_cast<std::uint8_t>(type);
  put_text(block, 257, std::string("ustar\0", 6) + "00");
  put_text(block, 345, prefix);
  std::size_t sum = 0;
  for (const std::uint8_t byte : block) sum += byte;
  put_text(block, 148, octal(sum, 6) + '\0');
  block.insert(block.end(), contents.begin(), contents.end());
  block.resize((block.size() + 511) / 512 * 512);
  return block;
}

inline std::vector<std::uint8_t> tar(
    const std::vector<std::pair<std::string, std::vector<std::uint8_t>>>& files) {
  std::vector<std::uint8_t> bytes;
  for (const auto& [name, contents] : files) {
    const auto next = tar_member(name, contents);
    bytes.insert(bytes.end(), next.begin(), next.end());
  }
  bytes.resize(bytes.size() + 1024);
  return bytes;
}

}  // namespace cf::data

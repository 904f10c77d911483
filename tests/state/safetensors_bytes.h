// The bytes of a safetensors file made by hand.
#pragma once

#include <cstdint>
#include <string>

namespace cf {

// The header's length (or `claimed` in its place), the header, the data.
inline std::string safetensors_bytes(const std::string& header, const std::string& data,
                                     std::int64_t claimed = -1) {
  const auto length = claimed < 0 ? header.size() : static_cast<std::uint64_t>(claimed);
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes + header + data;
}

}  // namespace cf

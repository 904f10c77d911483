// Numbers of channels, by Pillow's integer formulas.
#pragma once

#include <cstdint>

#include "data/image.h"

namespace cf::data {

inline std::uint8_t grey_of(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

// `source` has 1 (grey), 3 (RGB) or 4 (inverted CMYK) channels, `out` gets 1 or 3. Different images.
void convert_channels(const Image& source, int channels, Image& out);

}  // namespace cf::data

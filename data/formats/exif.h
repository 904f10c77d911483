// The orientation a camera wrote into a JPEG file.
#pragma once

#include <cstdint>
#include <span>

namespace cf::data {

// The value of EXIF's orientation tag, 1 ... 8 (see orientation.h); 1 if the file has none, or a damaged one.
// Source: CIPA DC-008 (Exif 2.3).
int exif_orientation(std::span<const std::uint8_t> jpeg);

}  // namespace cf::data

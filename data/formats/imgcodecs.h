// WebP, BMP and TIFF through OpenCV imgcodecs, an optional component of the build. Without it these images
// are recognised, and refused by an error that names it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/decode.h"
#include "data/image.h"

namespace cf::data {

// "4.6.0" of OpenCV; empty: not in this build.
std::string imgcodecs_version();

// What a file of one of these encodings says of itself. Every one is taken as RGB; alpha is dropped and the
// orientation ignored, as in PNG and JPEG. A Data error without the component.
ImageHeader imgcodecs_header(ImageEncoding encoding, const std::vector<std::uint8_t>& bytes);

// All pixels, as RGB of 8 bits. A Data error without the component, and where the pixels cannot be decoded.
void imgcodecs_decode(ImageEncoding encoding, const std::vector<std::uint8_t>& bytes, Image& out);

}  // namespace cf::data

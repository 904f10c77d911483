// What the header of a WebP, BMP or TIFF file says of its size: so that it is known before memory is taken
// for the pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"

namespace cf::data {

// Throws a Data error where the header is cut off or makes no sense. Other encodings are an Internal error.
ImageSize size_in_header(ImageEncoding encoding, const std::vector<std::uint8_t>& bytes);

}  // namespace cf::data

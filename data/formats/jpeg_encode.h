// JPEG files for packs of smaller images.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace cf::data {

// 1 or 3 channels; quality 1 ... 100 on libjpeg's scale, chroma at half resolution, optimised Huffman tables.
void encode_jpeg(const Image& image, int quality, std::vector<std::uint8_t>& out);

}  // namespace cf::data

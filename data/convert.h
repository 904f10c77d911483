// Numbers of channels, by Pillow's integer formulas.
#pragma once

#include "data/image.h"

namespace cf::data {

// `source` has 1 (grey), 3 (RGB) or 4 (inverted CMYK) channels, `out` gets 1 or 3. Different images.
void convert_channels(const Image& source, int channels, Image& out);

}  // namespace cf::data

// Pictures of what the network sees.
#pragma once

#include <string>

#include "data/image.h"
#include "data/loader.h"

namespace cf::data {

// Writes an image of 1 or 3 channels as PNG. Throws a Data error naming the path.
void write_png(const std::string& path, const Image& image);

// The images of a batch in rows of `columns`, with a grey line between them; the last row may be short.
Image grid_of(const Batch& batch, int columns);

}  // namespace cf::data

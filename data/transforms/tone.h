// The same map of bytes for every pixel of a channel, in place, equal to Pillow's ImageOps on every byte.
#pragma once

#include "data/image.h"

namespace cf::data {

void invert(Image& image);
// Values of at least `threshold` are inverted.
void solarize(Image& image, double threshold);
// Adds to values below 128, up to 255. Source: timm.
void solarize_add(Image& image, int added);
// Keeps the highest `bits` bits, 0 ... 8.
void posterize(Image& image, int bits);
// Per channel: the darkest value becomes 0, the lightest 255.
void autocontrast(Image& image);
// Per channel: a histogram as flat as it can be.
void equalize(Image& image);

}  // namespace cf::data

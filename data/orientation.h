// Turning a stored image upright, for the eight orientations of EXIF:
//
//   1 as stored   2 mirrored left-right   3 turned by 180 degrees       4 mirrored top-bottom
//   5 transposed  6 to be turned clockwise  7 transposed, by 180 degrees  8 to be turned counterclockwise
#pragma once

#include "data/image.h"

namespace cf::data {

ImageSize upright_size(ImageSize stored, int orientation);

// Where a box of the upright image lies in the stored one.
PixelBox stored_box(const PixelBox& upright, ImageSize stored, int orientation);

// And back, for any box of a stored image of the size given.
Box upright_box(const Box& box, ImageSize stored, int orientation);

void turn_upright(const Image& stored, int orientation, Image& out);

}  // namespace cf::data

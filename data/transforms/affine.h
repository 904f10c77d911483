// Affine maps of an image onto itself, equal to Pillow's Image.transform(AFFINE) and Image.rotate on every
// byte.
#pragma once

#include <array>
#include <cstdint>

#include "data/image.h"

namespace cf::data {

enum class Interpolation { Nearest, Bilinear, Bicubic };

// From a place (x, y) of the output to the place (a x + b y + c, d x + e y + f) of the input.
struct Affine {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};

using FillColour = std::array<std::uint8_t, 3>;  // of one channel: the first

// `out` gets the size of `in`; what lies outside `in` is `fill`. Different images.
void transform(const Image& in, const Affine& map, Interpolation interpolation, const FillColour& fill,
               Image& out);

// Counterclockwise by `degrees`, about the middle.
void rotate(const Image& in, double degrees, Interpolation interpolation, const FillColour& fill, Image& out);

}  // namespace cf::data

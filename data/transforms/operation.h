// The single changes that augmentation policies choose from.
#pragma once

#include "data/image.h"
#include "data/transforms/affine.h"

namespace cf::data {

enum class Operation {
  Identity,
  AutoContrast,
  Equalize,
  Invert,
  Rotate,       // by so many degrees, counterclockwise
  Posterize,    // to so many bits
  Solarize,     // from that threshold on
  SolarizeAdd,  // so much
  Saturation,   // by that factor, as the next three
  Contrast,
  Brightness,
  Sharpness,
  ShearX,      // the input lies so many columns per row to the right
  ShearY,      // the input lies so many rows per column below
  TranslateX,  // the input lies so many columns to the right
  TranslateY,  // the input lies so many rows below
};

struct Step {
  Operation operation = Operation::Identity;
  double argument = 0;                                   // as the operation says; unused by the first four
  Interpolation interpolation = Interpolation::Nearest;  // of the geometric ones
};

// In place; `scratch` is overwritten. `fill` is what geometry moves in from outside.
void apply(const Step& step, const FillColour& fill, Image& image, Image& scratch);

}  // namespace cf::data

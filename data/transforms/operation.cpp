#include "data/transforms/operation.h"

#include <utility>

#include "data/transforms/colour.h"
#include "data/transforms/tone.h"

namespace cf::data {
namespace {

void move(const Affine& map, const Step& step, const FillColour& fill, Image& image, Image& scratch) {
  transform(image, map, step.interpolation, fill, scratch);
  std::swap(image, scratch);
}

}  // namespace

void apply(const Step& step, const FillColour& fill, Image& image, Image& scratch) {
  const double argument = step.argument;
  const auto factor = static_cast<float>(argument);
  switch (step.operation) {
    case Operation::Identity:
      return;
    case Operation::AutoContrast:
      return autocontrast(image);
    case Operation::Equalize:
      return equalize(image);
    case Operation::Invert:
      return invert(image);
    case Operation::Rotate:
      rotate(image, argument, step.interpolation, fill, scratch);
      return std::swap(image, scratch);
    case Operation::Posterize:
      return posterize(image, static_cast<int>(argument));
    case Operation::Solarize:
      return solarize(image, argument);
    case Operation::SolarizeAdd:
      return solarize_add(image, static_cast<int>(argument));
    case Operation::Saturation:
      return adjust_saturation(image, factor);
    case Operation::Contrast:
      return adjust_contrast(image, factor);
    case Operation::Brightness:
      return adjust_brightness(image, factor);
    case Operation::Sharpness:
      return adjust_sharpness(image, factor, scratch);
    case Operation::ShearX:
      return move({.b = argument}, step, fill, image, scratch);
    case Operation::ShearY:
      return move({.d = argument}, step, fill, image, scratch);
    case Operation::TranslateX:
      return move({.c = argument}, step, fill, image, scratch);
    case Operation::TranslateY:
      return move({.f = argument}, step, fill, image, scratch);
  }
}

}  // namespace cf::data

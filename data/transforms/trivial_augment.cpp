#include "data/transforms/trivial_augment.h"

#include <array>
#include <cmath>

namespace cf::data {
namespace {

struct Choice {
  Operation operation;
  double first, last;  // arguments of level 0 and of the highest one
  bool has_sign;
  double offset;  // added to the argument
};

constexpr double kMost = 0.99;
constexpr std::array kChoices{
    Choice{Operation::Identity, 0, 0, false, 0},      Choice{Operation::ShearX, 0, kMost, true, 0},
    Choice{Operation::ShearY, 0, kMost, true, 0},     Choice{Operation::TranslateX, 0, 32, true, 0},
    Choice{Operation::TranslateY, 0, 32, true, 0},    Choice{Operation::Rotate, 0, 135, true, 0},
    Choice{Operation::Brightness, 0, kMost, true, 1}, Choice{Operation::Saturation, 0, kMost, true, 1},
    Choice{Operation::Contrast, 0, kMost, true, 1},   Choice{Operation::Sharpness, 0, kMost, true, 1},
    Choice{Operation::Posterize, 8, 2, false, 0},     Choice{Operation::Solarize, 255, 0, false, 0},
    Choice{Operation::AutoContrast, 0, 0, false, 0},  Choice{Operation::Equalize, 0, 0, false, 0}};

}  // namespace

Step draw_trivial_step(Philox& draw) {
  constexpr std::uint64_t kStrengths = 31;
  const Choice& choice = kChoices[draw.below(kChoices.size())];
  const double share = static_cast<double>(draw.below(kStrengths)) / static_cast<double>(kStrengths - 1);
  const bool negative = draw.below(2) == 1;
  double argument = choice.first + (choice.last - choice.first) * share;
  if (choice.has_sign && negative) argument = -argument;
  argument += choice.offset;
  const bool is_whole = choice.operation == Operation::Posterize ||
                        choice.operation == Operation::TranslateX ||
                        choice.operation == Operation::TranslateY;
  if (choice.operation == Operation::Posterize) argument = std::ceil(argument - 0.5);
  if (is_whole) argument = std::trunc(argument);
  return {choice.operation, argument, Interpolation::Nearest};
}

}  // namespace cf::data

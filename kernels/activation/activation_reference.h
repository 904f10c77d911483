// The activations of one element as the formulas have them, in float or double: for the straight loops.
#pragma once

#include <cmath>

#include "kernels/activation/activation.h"

namespace cf::kernels {

// NaN stays NaN.
template <class Value>
Value activate(Activation activation, Value x) {
  switch (activation) {
    case Activation::None:
      return x;
    case Activation::Relu:
      return x < 0 ? Value{0} : x;
    case Activation::Silu:
      return x / (1 + std::exp(-x));
    case Activation::HardSwish:
      return x <= -3 ? Value{0} : x >= 3 ? x : x * (x + 3) / 6;
  }
  return x;
}

// dy times the derivative at x.
template <class Value>
Value activation_gradient(Activation activation, Value x, Value dy) {
  switch (activation) {
    case Activation::None:
      return dy;
    case Activation::Relu:
      return x <= 0 ? Value{0} : dy;
    case Activation::Silu: {
      const Value sigmoid = 1 / (1 + std::exp(-x));
      return dy * sigmoid * (1 + x * (1 - sigmoid));
    }
    case Activation::HardSwish:
      return x <= -3 ? Value{0} : x >= 3 ? dy : dy * (2 * x + 3) / 6;
  }
  return dy;
}

}  // namespace cf::kernels

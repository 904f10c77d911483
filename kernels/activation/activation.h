// Elementwise activations.
//
//   Relu       max(x, 0)                       derivative 0 at 0, as PyTorch has it
//   Silu       x sigmoid(x)
//   HardSwish  x clamp(x + 3, 0, 6) / 6
#pragma once

#include <string_view>

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

enum class Activation { None, Relu, Silu, HardSwish };

constexpr std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::None:
      return "none";
    case Activation::Relu:
      return "relu";
    case Activation::Silu:
      return "silu";
    case Activation::HardSwish:
      return "hard_swish";
  }
  return "?";
}

template <class T>
struct ActivationForward {
  View<const T, I> x;
  Activation activation;
  View<T, I> y;  // overwritten; may be x
};

template <class T>
struct ActivationBackward {
  View<const T, I> x;  // the input of forward
  View<const T, I> dy;
  Activation activation;
  View<T, I> dx;  // overwritten; may be dy
};

template <class T>
void activation(Reference, const ActivationForward<T>&);
template <class T>
void activation(Reference, const ActivationBackward<T>&);

void activation(Cpu, const ActivationForward<float>&);
void activation(Cpu, const ActivationBackward<float>&);

template <class T>
void activation(Cuda, const ActivationForward<T>&);
template <class T>
void activation(Cuda, const ActivationBackward<T>&);

}  // namespace cf::kernels

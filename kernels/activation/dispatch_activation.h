// The kind of an activation as a compile-time constant.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/check.h"

namespace cf::kernels {

// Calls body<Activation>() for the kind.
template <class Body>
void dispatch_activation(Activation activation, Body&& body) {
  switch (activation) {
    case Activation::None:
      return body.template operator()<Activation::None>();
    case Activation::Relu:
      return body.template operator()<Activation::Relu>();
    case Activation::Silu:
      return body.template operator()<Activation::Silu>();
    case Activation::HardSwish:
      return body.template operator()<Activation::HardSwish>();
  }
  fail(ErrorKind::Internal, "an activation of kind ", static_cast<int>(activation));
}

}  // namespace cf::kernels

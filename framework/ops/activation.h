// An elementwise activation that no norm carries. The contract is kernels/activation.
#pragma once

#include "framework/autograd/variable.h"
#include "kernels/activation/activation.h"

namespace cf {

Variable activation(Pass& pass, const Variable& x, kernels::Activation kind);

}  // namespace cf

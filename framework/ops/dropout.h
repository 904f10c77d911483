// Dropout in training, nothing in evaluation. The contract is kernels/dropout.
#pragma once

#include "framework/autograd/variable.h"

namespace cf {

Variable dropout(Pass& pass, const Variable& x, float probability);

}  // namespace cf

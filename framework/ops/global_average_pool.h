// Mean over the pixels: [N,H,W,C] to [N,C]. The contract is kernels/global_average_pool.
#pragma once

#include "framework/autograd/variable.h"

namespace cf {

Variable global_average_pool(Pass& pass, const Variable& x);

}  // namespace cf

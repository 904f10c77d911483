// folded_linear for the head of a network at batches of a few images, where all that counts is that every
// multiprocessor reads weights.
#pragma once

#include "kernels/folded_linear/folded_linear.h"

namespace cf::kernels {

// False, and nothing started, where these extents or the activation are not the kernel's.
template <class T>
bool folded_linear_few_rows(Cuda, const FoldedLinear<T>&);

}  // namespace cf::kernels

// Matrix products with few rows and columns and a long sum behind each: the gradients of weights, summed over
// the pixels of a batch.
#pragma once

#include "kernels/gemm/gemm_cuda.h"

namespace cf::kernels {

// As multiply, of gemm_workspace_bytes too, for a and b that both lie in memory as [depth, ...]. In 16 bits
// cuBLASLt splits the depth itself; in float it leaves nearly all of the GPU idle, so the depth is split here
// into partial products, which are added in order.
void multiply_deep(Cuda place, const Gemm& gemm, Workspace workspace);

}  // namespace cf::kernels

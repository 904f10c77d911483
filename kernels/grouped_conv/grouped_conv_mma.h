// The passes of grouped_conv in Half and BFloat16 at place Cuda: on the tensor cores, pixels as rows of the
// product forward and to the input, and as its depth to the weight.
#pragma once

#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

template <class T>
void convolve_by_mma(Cuda, const GroupedConvForward<T>&);
template <class T>
void convolve_by_mma(Cuda, const GroupedConvBackwardInput<T>&);
template <class T>
void convolve_by_mma(Cuda, const GroupedConvBackwardWeight<T>&);

template <class T>
std::size_t workspace_bytes_by_mma(const GroupedConvBackwardWeight<T>&);

}  // namespace cf::kernels

// The passes of grouped_conv in Half and BFloat16 at place Cuda: on the tensor cores, pixels as rows of the
// product forward and to the input, and as its depth to the weight.
#pragma once

#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/normed_conv_backward.h"

namespace cf::kernels {

template <class T>
void convolve_by_mma(Cuda, const GroupedConvForward<T>&);
template <class T>
void convolve_by_mma(Cuda, const GroupedConvBackwardInput<T>&);
template <class T>
void convolve_by_mma(Cuda, const GroupedConvBackwardWeight<T>&);

template <class T>
std::size_t workspace_bytes_by_mma(const GroupedConvBackwardWeight<T>&);

// dweight[i] = accumulate dweight[i] + sum over the chunks of partial [chunks, elements], in order.
void add_weight_chunks(Cuda place, const float* partial, std::int64_t chunks, std::int64_t elements,
                       float accumulate, float* dweight);

// The gradients through the norm in front as well.
template <class T>
void convolve_by_mma(Cuda, const NormedConvBackward<T>&);
template <class T>
std::size_t workspace_bytes_by_mma(Cuda, const NormedConvBackward<T>&);

}  // namespace cf::kernels

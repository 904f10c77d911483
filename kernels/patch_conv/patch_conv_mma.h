// The forward pass of patch_conv for few input channels, a network's stem: no patch is gathered in memory.
#pragma once

#include "kernels/patch_conv/patch_conv.h"

namespace cf::kernels {

// False, and nothing started, where these extents are not the kernel's.
template <class T>
bool patch_conv_by_mma(Cuda, const PatchConvForward<T>&);

}  // namespace cf::kernels

// The forward pass of patch_conv for many input channels, the steps between stages, on Hopper GPUs: no patch
// is gathered in memory.
#pragma once

#include "kernels/patch_conv/patch_conv.h"

namespace cf::kernels {

// False, and nothing started, where this GPU or these extents are not the kernel's.
template <class T>
bool patch_conv_by_wgmma(Cuda, const PatchConvForward<T>&);

}  // namespace cf::kernels

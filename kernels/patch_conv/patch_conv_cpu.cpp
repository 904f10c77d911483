#include "kernels/patch_conv/patch_conv.h"

namespace cf::kernels {

void patch_conv(Cpu, const PatchConvForward<float>& a) { patch_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const PatchConvForward<float>&) { return 0; }

void patch_conv(Cpu, const PatchConvBackwardInput<float>& a) { patch_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const PatchConvBackwardInput<float>&) { return 0; }

void patch_conv(Cpu, const PatchConvBackwardWeight<float>& a) { patch_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const PatchConvBackwardWeight<float>&) { return 0; }

}  // namespace cf::kernels

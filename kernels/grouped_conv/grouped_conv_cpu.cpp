#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

void grouped_conv(Cpu, const GroupedConvForward<float>& a) { grouped_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const GroupedConvForward<float>&) { return 0; }

void grouped_conv(Cpu, const GroupedConvBackwardInput<float>& a) { grouped_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const GroupedConvBackwardInput<float>&) { return 0; }

void grouped_conv(Cpu, const GroupedConvBackwardWeight<float>& a) { grouped_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const GroupedConvBackwardWeight<float>&) { return 0; }

}  // namespace cf::kernels

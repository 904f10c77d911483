#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf::kernels {

void squeeze_excite(Cpu, const SqueezeExciteForward<float>& a) { squeeze_excite(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const SqueezeExciteForward<float>&) { return 0; }

void squeeze_excite(Cpu, const SqueezeExciteBackward<float>& a) { squeeze_excite(Reference{}, a); }

std::size_t workspace_bytes(Cpu, const SqueezeExciteBackward<float>&) { return 0; }

}  // namespace cf::kernels

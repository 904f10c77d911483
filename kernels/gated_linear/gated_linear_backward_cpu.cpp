#include <algorithm>

#include "kernels/gated_linear/gated_linear.h"
#include "kernels/gated_linear/gated_linear_check.h"
#include "kernels/gated_linear/gated_linear_parts.h"

namespace cf::kernels {

void gated_linear(Cpu place, const GatedLinearBackward<float>& a) {
  check(a);
  float* const da = a.norm.dx.data();
  linear(place, detail::linear_of<float>(a, da, a.workspace));
  gated_norm(place, detail::norm_of<float>(a, da, a.workspace));
}

std::size_t workspace_bytes(Cpu place, const GatedLinearBackward<float>& a) {
  return std::max(workspace_bytes(place, a.norm),
                  workspace_bytes(place, detail::linear_of<float>(a, nullptr)));
}

}  // namespace cf::kernels

#include <algorithm>
#include <type_traits>

#include "kernels/gated_linear/gated_linear.h"
#include "kernels/gated_linear/gated_linear_check.h"
#include "kernels/gated_linear/gated_linear_parts.h"
#include "kernels/gated_linear/gated_linear_sums_wgmma.h"
#include "kernels/gated_norm/gated_norm_backward.cuh"

namespace cf::kernels {

template <class T>
void gated_linear(Cuda place, const GatedLinearBackward<T>& a) {
  check(a);
  T* const da = a.norm.dx.data();
  if constexpr (!std::is_same_v<T, float>) {
    if (takes_sums_at_the_store(place, a)) {
      std::byte* const memory =
          workspace_as<std::byte>("gated_linear backward", a.workspace, workspace_bytes(place, a));
      gated_linear_sums_by_wgmma(place, a, memory);
      return gated_norm_detail::backward_from_sums(place, detail::norm_of<T>(a, da), memory);
    }
  }
  linear(place, detail::linear_of<T>(a, da, a.workspace));
  gated_norm(place, detail::norm_of<T>(a, da, a.workspace));
}

template <class T>
std::size_t workspace_bytes(Cuda place, const GatedLinearBackward<T>& a) {
  const std::size_t norm = workspace_bytes(place, a.norm);
  if constexpr (!std::is_same_v<T, float>) {
    if (takes_sums_at_the_store(place, a)) return norm;
  }
  return std::max(norm, workspace_bytes(place, detail::linear_of<T>(a, nullptr)));
}

#define CF_INSTANTIATE(T)                                          \
  template void gated_linear(Cuda, const GatedLinearBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const GatedLinearBackward<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

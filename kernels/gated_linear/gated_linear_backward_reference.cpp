#include "kernels/gated_linear/gated_linear.h"
#include "kernels/gated_linear/gated_linear_check.h"
#include "kernels/gated_linear/gated_linear_parts.h"

namespace cf::kernels {

template <class T>
void gated_linear(Reference place, const GatedLinearBackward<T>& a) {
  check(a);
  T* const da = a.norm.dx.data();
  linear(place, detail::linear_of<T>(a, da));
  gated_norm(place, detail::norm_of<T>(a, da));
}

#define CF_INSTANTIATE(T) template void gated_linear(Reference, const GatedLinearBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

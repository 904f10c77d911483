// In float32 part by part; 16-bit types are in normed_conv_backward_mma_cuda.cu.
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/normed_conv_backward.h"
#include "kernels/grouped_conv/normed_conv_backward_check.h"

namespace cf::kernels {

template <class T>
void grouped_conv(Cuda place, const NormedConvBackward<T>& a) {
  check(a);
  if constexpr (std::is_same_v<T, float>) {
    detail::run_parts(place, a);
  } else {
    convolve_by_mma(place, a);
  }
}

template <class T>
std::size_t workspace_bytes(Cuda place, const NormedConvBackward<T>& a) {
  if constexpr (std::is_same_v<T, float>) {
    return detail::bytes_of_parts(place, a);
  } else {
    return workspace_bytes_by_mma(place, a);
  }
}

#define CF_INSTANTIATE(T)                                         \
  template void grouped_conv(Cuda, const NormedConvBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const NormedConvBackward<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

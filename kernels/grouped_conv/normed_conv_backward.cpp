// Part by part at the places of the host.
#include "kernels/grouped_conv/normed_conv_backward.h"

#include "kernels/grouped_conv/normed_conv_backward_check.h"

namespace cf::kernels {

template <class T>
void grouped_conv(Reference place, const NormedConvBackward<T>& a) {
  check(a);
  detail::run_parts(place, a);
}

void grouped_conv(Cpu place, const NormedConvBackward<float>& a) {
  check(a);
  detail::run_parts(place, a);
}

std::size_t workspace_bytes(Cpu place, const NormedConvBackward<float>& a) {
  return detail::bytes_of_parts(place, a);
}

template void grouped_conv(Reference, const NormedConvBackward<double>&);
template void grouped_conv(Reference, const NormedConvBackward<float>&);
template void grouped_conv(Reference, const NormedConvBackward<Half>&);
template void grouped_conv(Reference, const NormedConvBackward<BFloat16>&);

}  // namespace cf::kernels

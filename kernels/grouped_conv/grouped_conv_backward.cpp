// Part by part at the places of the host.
#include "kernels/grouped_conv/grouped_conv_backward.h"

#include "kernels/grouped_conv/grouped_conv_check.h"

namespace cf::kernels {

template <class T>
void grouped_conv(Reference place, const GroupedConvBackward<T>& a) {
  check(a);
  detail::run_parts(place, a);
}

void grouped_conv(Cpu place, const GroupedConvBackward<float>& a) {
  check(a);
  detail::run_parts(place, a);
}

std::size_t workspace_bytes(Cpu place, const GroupedConvBackward<float>& a) {
  return detail::bytes_of_parts(place, a);
}

template void grouped_conv(Reference, const GroupedConvBackward<double>&);
template void grouped_conv(Reference, const GroupedConvBackward<float>&);
template void grouped_conv(Reference, const GroupedConvBackward<Half>&);
template void grouped_conv(Reference, const GroupedConvBackward<BFloat16>&);

}  // namespace cf::kernels

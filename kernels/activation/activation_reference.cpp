#include "kernels/activation/activation_reference.h"
#include "kernels/activation/activation.h"
#include "kernels/base/check_extent.h"

namespace cf::kernels {

template <class T>
void activation(Reference, const ActivationForward<T>& args) {
  check_same_shape("activation", "y", args.y, "x", args.x);
  for (const I i : range(args.x.template extent<I>())) {
    args.y(i) = static_cast<T>(activate<Wide<T>>(args.activation, args.x(i)));
  }
}

template <class T>
void activation(Reference, const ActivationBackward<T>& args) {
  check_same_shape("activation", "dy", args.dy, "x", args.x);
  check_same_shape("activation", "dx", args.dx, "x", args.x);
  for (const I i : range(args.x.template extent<I>())) {
    args.dx(i) = static_cast<T>(activation_gradient<Wide<T>>(args.activation, args.x(i), args.dy(i)));
  }
}

#define CF_INSTANTIATE(T)                                           \
  template void activation(Reference, const ActivationForward<T>&); \
  template void activation(Reference, const ActivationBackward<T>&)

CF_INSTANTIATE(double);
CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

}  // namespace cf::kernels

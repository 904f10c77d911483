#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/global_average_pool/global_average_pool_check.h"

namespace cf::kernels {

template <class T>
void global_average_pool(Reference, const GlobalAveragePoolForward<T>& a) {
  check(a);
  const H height = a.x.template extent<H>();
  const W width = a.x.template extent<W>();
  for (N n : range(a.x.template extent<N>())) {
    for (C c : range(a.x.template extent<C>())) {
      Wide<T> sum = 0;
      for (H h : range(height)) {
        for (W w : range(width)) sum += Wide<T>(a.x(n, h, w, c));
      }
      a.y(n, c) = T(sum / Wide<T>(height.value * width.value));
    }
  }
}

template <class T>
void global_average_pool(Reference, const GlobalAveragePoolBackward<T>& a) {
  check(a);
  const H height = a.dx.template extent<H>();
  const W width = a.dx.template extent<W>();
  for (N n : range(a.dx.template extent<N>())) {
    for (H h : range(height)) {
      for (W w : range(width)) {
        for (C c : range(a.dx.template extent<C>())) {
          a.dx(n, h, w, c) = T(Wide<T>(a.dy(n, c)) / Wide<T>(height.value * width.value));
        }
      }
    }
  }
}

#define CF_INSTANTIATE(T)                                                           \
  template void global_average_pool(Reference, const GlobalAveragePoolForward<T>&); \
  template void global_average_pool(Reference, const GlobalAveragePoolBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

#include <vector>

#include "kernels/activation/activation_reference.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/gated_norm/gated_norm_check.h"
#include "kernels/gated_norm/gated_norm_parts.h"

namespace cf::kernels {

template <class T>
void gated_norm(Reference place, const GatedNormGates<T>& a) {
  check(a);
  std::vector<T> activated(static_cast<std::size_t>(a.x.size()));
  batch_norm(place, detail::norm_of(a, activated.data()));
  squeeze_excite(place, detail::gates_of(a, activated.data()));
}

template <class T>
void gated_norm(Reference, const GatedNormApply<T>& a) {
  check(a);
  for (const N n : range(a.x.template extent<N>())) {
    for (const H h : range(a.x.template extent<H>())) {
      for (const W w : range(a.x.template extent<W>())) {
        for (const C c : range(a.x.template extent<C>())) {
          const Wide<T> normed = a.scale(c) * Wide<T>(a.x(n, h, w, c)) + a.shift(c);
          a.y(n, h, w, c) = T(activate(a.activation, normed) * a.gate(n, c));
        }
      }
    }
  }
}

template <class T>
void gated_norm(Reference place, const GatedNormBackward<T>& a) {
  check(a);
  std::vector<Wide<T>> fold(2 * static_cast<std::size_t>(a.mean.size()));
  std::vector<T> activated(static_cast<std::size_t>(a.x.size()));
  batch_norm(place, detail::norm_of(a, fold.data(), activated.data()));
  squeeze_excite(place, detail::gates_of(a, activated.data()));
  batch_norm(place, detail::norm_backward_of(a));
}

#define CF_INSTANTIATE(T)                                        \
  template void gated_norm(Reference, const GatedNormGates<T>&); \
  template void gated_norm(Reference, const GatedNormApply<T>&); \
  template void gated_norm(Reference, const GatedNormBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

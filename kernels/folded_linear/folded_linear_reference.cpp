#include "kernels/activation/activation_reference.h"
#include "kernels/folded_linear/folded_linear.h"
#include "kernels/folded_linear/folded_linear_check.h"

namespace cf::kernels {

template <class T>
void folded_linear(Reference, const FoldedLinear<T>& a) {
  check(a);
  for (const M m : range(a.x.template extent<M>())) {
    for (const K k : range(a.weight.template extent<K>())) {
      Wide<T> sum = Wide<T>(a.bias(k));
      for (const C c : range(a.x.template extent<C>())) sum += Wide<T>(a.x(m, c)) * Wide<T>(a.weight(k, c));
      sum = activate(a.activation, sum);
      if (a.residual) sum += Wide<T>(a.residual(m, k));
      a.y(m, k) = T(sum);
    }
  }
}

#define CF_INSTANTIATE(T) template void folded_linear(Reference, const FoldedLinear<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

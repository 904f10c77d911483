#include <cmath>

#include "kernels/fold_norm/fold_norm.h"
#include "kernels/fold_norm/fold_norm_check.h"

namespace cf::kernels {

template <class T>
void fold_norm(Reference, const FoldNorm<T>& a) {
  check(a);
  for (const K k : range(a.weight.template extent<K>())) {
    const Wide<T> scale = a.gamma(k) / std::sqrt(a.variance(k) + static_cast<Wide<T>>(a.eps));
    for (const I i : range(a.weight.template extent<I>())) a.folded(k, i) = T(scale * a.weight(k, i));
    a.shift(k) = a.bias(k) - a.mean(k) * scale;
  }
}

// A network is folded once before inference: straight loops are fast enough.
void fold_norm(Cpu, const FoldNorm<float>& a) { fold_norm(Reference{}, a); }

#define CF_INSTANTIATE(T) template void fold_norm(Reference, const FoldNorm<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

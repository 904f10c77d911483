#include <algorithm>
#include <vector>

#include "kernels/feed_forward/feed_forward.h"
#include "kernels/feed_forward/feed_forward_check.h"

namespace cf::kernels {

template <class T>
void feed_forward(Reference place, const FeedForward<T>& a) {
  check(a);
  const auto channels = a.u.template extent<C>();
  const auto hidden = a.expand.template extent<E>();
  std::vector<T> memory(static_cast<std::size_t>(hidden.value));
  const View<T, E> h(memory.data(), hidden);
  for (const M m : range(a.u.template extent<M>())) {
    for (const E e : range(hidden)) {
      Wide<T> sum = a.expand_bias(e);
      for (const C c : range(channels)) sum += Wide<T>(a.expand(e, c)) * Wide<T>(a.u(m, c));
      h(e) = T(std::max(sum, Wide<T>(0)));
    }
    for (const C c : range(channels)) {
      Wide<T> sum = 0;
      for (const E e : range(hidden)) sum += Wide<T>(a.project(c, e)) * Wide<T>(h(e));
      a.p(m, c) = T(sum);
    }
  }
  if (a.mean) batch_norm(place, detail::statistics_of(a));
}

#define CF_INSTANTIATE(T) template void feed_forward(Reference, const FeedForward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

#include "kernels/mix_images/mix_images.h"
#include "kernels/mix_images/mix_images_check.h"

namespace cf::kernels {

template <class T>
void mix_images(Reference, const MixImages<T>& a) {
  check(a);
  const auto images = a.x.template extent<N>().value;
  for (N n : range(a.x.template extent<N>())) {
    const N other{partner_of(n.value, images)};
    for (H h : range(a.x.template extent<H>())) {
      for (W w : range(a.x.template extent<W>())) {
        const bool in_rows = h.value >= a.box(n, K{0}) && h.value < a.box(n, K{2});
        const bool in_columns = w.value >= a.box(n, K{1}) && w.value < a.box(n, K{3});
        const auto own = in_rows && in_columns ? Wide<T>(0) : Wide<T>(a.share(n));
        for (C c : range(a.x.template extent<C>())) {
          const auto normalised = [&](N image) {
            return (Wide<T>(a.x(image, h, w, c)) / Wide<T>(255) - Wide<T>(a.mean(c))) /
                   Wide<T>(a.deviation(c));
          };
          a.y(n, h, w, c) = T(own * normalised(n) + (Wide<T>(1) - own) * normalised(other));
        }
      }
    }
  }
}

template void mix_images(Reference, const MixImages<double>&);
template void mix_images(Reference, const MixImages<float>&);
template void mix_images(Reference, const MixImages<Half>&);
template void mix_images(Reference, const MixImages<BFloat16>&);

}  // namespace cf::kernels

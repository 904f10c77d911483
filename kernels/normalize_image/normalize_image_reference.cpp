#include "kernels/normalize_image/normalize_image.h"
#include "kernels/normalize_image/normalize_image_check.h"

namespace cf::kernels {

template <class T>
void normalize_image(Reference, const NormalizeImage<T>& a) {
  check(a);
  for (N n : range(a.x.template extent<N>())) {
    for (H h : range(a.x.template extent<H>())) {
      for (W w : range(a.x.template extent<W>())) {
        for (C c : range(a.x.template extent<C>())) {
          const auto value = Wide<T>(a.x(n, h, w, c)) / Wide<T>(255);
          a.y(n, h, w, c) = T((value - Wide<T>(a.mean(c))) / Wide<T>(a.deviation(c)));
        }
      }
    }
  }
}

template void normalize_image(Reference, const NormalizeImage<double>&);
template void normalize_image(Reference, const NormalizeImage<float>&);
template void normalize_image(Reference, const NormalizeImage<Half>&);
template void normalize_image(Reference, const NormalizeImage<BFloat16>&);

}  // namespace cf::kernels

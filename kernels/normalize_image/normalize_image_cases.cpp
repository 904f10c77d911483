#include "kernels/all_cases.h"
#include "kernels/normalize_image/normalize_image.h"

namespace cf::kernels {

namespace {

Case normalize(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, bool benchmark_only = false) {
  Case result(concat("normalize_image/forward N=", n, " H=", h, " W=", w, " C=", c), 1);
  const auto x = result.input<Element::UInt8>("x", integers(256), N{n}, H{h}, W{w}, C{c});
  const auto mean = result.input<Element::Float32>("mean", uniform(0.3, 0.6), C{c});
  const auto deviation = result.input<Element::Float32>("deviation", uniform(0.1, 0.5), C{c});
  const auto y = result.output("y", N{n}, H{h}, W{w}, C{c});
  result.flops = 2.0 * static_cast<double>(n * h * w * c);
  result.benchmark_only = benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    normalize_image(place,
                    NormalizeImage<T>{.x = t(x), .mean = t(mean), .deviation = t(deviation), .y = t(y)});
  });
  return result;
}

}  // namespace

std::vector<Case> normalize_image_cases() {
  return {
      normalize(1, 1, 6, 1),           normalize(3, 5, 7, 3),
      normalize(2, 33, 29, 1),         normalize(4, 61, 67, 3),
      normalize(3, 9, 10, 130),        normalize(2, 7, 300, 64),
      normalize(128, 32, 32, 1, true), normalize(128, 224, 224, 3, true),
  };
}

}  // namespace cf::kernels

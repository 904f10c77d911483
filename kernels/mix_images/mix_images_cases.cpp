#include <algorithm>

#include "kernels/all_cases.h"
#include "kernels/mix_images/mix_images.h"

namespace cf::kernels {

namespace {

// Boxes are empty about every other time, and reach to the edges now and then.
Case mix(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, bool benchmark_only = false) {
  Case result(concat("mix_images/forward N=", n, " H=", h, " W=", w, " C=", c), 2);
  const auto x = result.input<Element::UInt8>("x", integers(256), N{n}, H{h}, W{w}, C{c});
  const auto mean = result.input<Element::Float32>("mean", uniform(0.3, 0.6), C{c});
  const auto deviation = result.input<Element::Float32>("deviation", uniform(0.1, 0.5), C{c});
  const auto share = result.input<Element::Float32>("share", uniform(0, 1), N{n});
  const auto box = result.input<Element::Int64>("box", integers(std::min(h, w) + 1), N{n}, K{4});
  const auto y = result.output("y", N{n}, H{h}, W{w}, C{c});
  result.benchmark_only = benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    mix_images(place, MixImages<T>{.x = t(x),
                                   .mean = t(mean),
                                   .deviation = t(deviation),
                                   .share = t(share),
                                   .box = t(box),
                                   .y = t(y)});
  });
  return result;
}

}  // namespace

std::vector<Case> mix_images_cases() {
  return {mix(1, 3, 5, 1),
          mix(2, 8, 8, 3),
          mix(3, 8, 6, 3),
          mix(5, 7, 9, 3),
          mix(8, 16, 5, 2),
          mix(24, 33, 29, 3),
          mix(128, 224, 224, 3, true)};
}

}  // namespace cf::kernels

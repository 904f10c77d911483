#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/mix_images/mix_images.h"
#include "kernels/mix_images/mix_images_check.h"

namespace cf::kernels {

namespace {

constexpr double kNanosecondsPerElement = 1;  // of one thread

// Columns [first, last) of a row with one weight.
void mix_columns(const MixImages<float>& a, N n, N other, H h, std::int64_t first, std::int64_t last,
                 float own) {
  const auto channels = a.x.extent<C>().value;
  for (std::int64_t c = 0; c < channels; ++c) {
    // Mixing bytes first is the same: both get the same affine map.
    const float scale = 1.0F / (255.0F * a.deviation(C{c}));
    const float shift = -a.mean(C{c}) / a.deviation(C{c});
    for (std::int64_t w = first; w < last; ++w) {
      const auto value = static_cast<float>(a.x(n, h, W{w}, C{c})),
                 partner = static_cast<float>(a.x(other, h, W{w}, C{c}));
      a.y(n, h, W{w}, C{c}) = (own * value + (1 - own) * partner) * scale + shift;
    }
  }
}

}  // namespace

void mix_images(Cpu place, const MixImages<float>& a) {
  check(a);
  const auto images = a.x.extent<N>().value, height = a.x.extent<H>().value, width = a.x.extent<W>().value;
  const double cost = kNanosecondsPerElement * static_cast<double>(width * a.x.extent<C>().value);
  parallel(place, images * height, 1, cost, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const N n{row / height}, other{partner_of(row / height, images)};
      const H h{row % height};
      const bool in_rows = h.value >= a.box(n, K{0}) && h.value < a.box(n, K{2});
      const std::int64_t left = in_rows ? std::clamp<std::int64_t>(a.box(n, K{1}), 0, width) : width;
      const std::int64_t right = in_rows ? std::clamp<std::int64_t>(a.box(n, K{3}), left, width) : width;
      mix_columns(a, n, other, h, 0, left, a.share(n));
      mix_columns(a, n, other, h, left, right, 0);
      mix_columns(a, n, other, h, right, width, a.share(n));
    }
  });
}

}  // namespace cf::kernels

#include <algorithm>
#include <array>

#include "kernels/base/parallel.h"
#include "kernels/normalize_image/normalize_image.h"
#include "kernels/normalize_image/normalize_image_check.h"

namespace cf::kernels {

namespace {

constexpr double kNanosecondsPerElement = 0.15;  // of one thread
constexpr std::int64_t kPattern = 64;

// y = x scale + shift for `width` neighbouring elements of NHWC memory: the affine map of a run of channels,
// repeated while whole pixels fit, so that one loop vectorises for 1 channel as for 64.
struct AffinePattern {
  std::array<float, kPattern> scale, shift;
  std::int64_t width;
};

AffinePattern pattern_of(const NormalizeImage<float>& a, std::int64_t first_channel, std::int64_t channels) {
  AffinePattern pattern;
  const std::int64_t repeats = channels == a.x.extent<C>().value ? kPattern / channels : 1;
  pattern.width = channels * repeats;
  for (std::int64_t i = 0; i < pattern.width; ++i) {
    const C c{first_channel + i % channels};
    pattern.scale[static_cast<std::size_t>(i)] = 1.0F / (255.0F * a.deviation(c));
    pattern.shift[static_cast<std::size_t>(i)] = -a.mean(c) / a.deviation(c);
  }
  return pattern;
}

void apply(const AffinePattern& pattern, std::int64_t count, const std::uint8_t* x, float* y) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    y[i] = static_cast<float>(x[i]) * pattern.scale[at] + pattern.shift[at];
  }
}

}  // namespace

void normalize_image(Cpu place, const NormalizeImage<float>& a) {
  check(a);
  const auto channels = a.x.extent<C>().value;
  if (a.x.size() == 0) return;
  if (channels <= kPattern) {
    const auto pattern = pattern_of(a, 0, channels);
    parallel(place, a.x.size(), pattern.width, kNanosecondsPerElement,
             [&](std::int64_t first, std::int64_t last) {
               std::int64_t i = first;
               for (; i + pattern.width <= last; i += pattern.width) {
                 apply(pattern, pattern.width, a.x.data() + i, a.y.data() + i);
               }
               apply(pattern, last - i, a.x.data() + i, a.y.data() + i);
             });
    return;
  }
  const double cost = kNanosecondsPerElement * static_cast<double>(channels);
  parallel(place, a.x.size() / channels, 1, cost, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = 0; c < channels; c += kPattern) {
      const auto pattern = pattern_of(a, c, std::min(kPattern, channels - c));
      for (std::int64_t pixel = first; pixel < last; ++pixel) {
        const auto offset = pixel * channels + c;
        apply(pattern, pattern.width, a.x.data() + offset, a.y.data() + offset);
      }
    }
  });
}

}  // namespace cf::kernels

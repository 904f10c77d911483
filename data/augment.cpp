#include "data/augment.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/philox.h"

namespace cf::data {
namespace {

// Uniform in [0, bound].
int up_to(Philox& draw, int bound) {
  return static_cast<int>(draw.below(static_cast<std::uint64_t>(bound) + 1));
}

PixelBox padded_crop(Philox& draw, int pad, ImageSize image, ImageSize target) {
  const int free_rows = image.height + 2 * pad - target.height;
  const int free_columns = image.width + 2 * pad - target.width;
  CF_CHECK_AS(ErrorKind::Data, free_rows >= 0 && free_columns >= 0, "a ", image.height, "x", image.width,
              " image padded by ", pad, " pixels is smaller than the target of ", target.height, "x",
              target.width);
  const int top = up_to(draw, free_rows) - pad;
  const int left = up_to(draw, free_columns) - pad;
  return {top, left, target.height, target.width};
}

// Ten tries, then the biggest central crop whose aspect is allowed.
PixelBox resized_crop(Philox& draw, const AugmentOptions& options, ImageSize image) {
  const double area = static_cast<double>(image.height) * image.width;
  const double log_low = std::log(static_cast<double>(options.aspect.low));
  const double log_high = std::log(static_cast<double>(options.aspect.high));
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    const double target_area =
        area * static_cast<double>(draw.uniform(options.crop_scale.low, options.crop_scale.high));
    const double aspect = std::exp(log_low + (log_high - log_low) * static_cast<double>(draw.uniform()));
    const int width = static_cast<int>(std::lround(std::sqrt(target_area * aspect)));
    const int height = static_cast<int>(std::lround(std::sqrt(target_area / aspect)));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const int top = up_to(draw, image.height - height);
    const int left = up_to(draw, image.width - width);
    return {top, left, height, width};
  }
  const double aspect = static_cast<double>(image.width) / image.height;
  int width = image.width, height = image.height;
  if (aspect < static_cast<double>(options.aspect.low)) {
    height =
        std::clamp(static_cast<int>(std::lround(width / static_cast<double>(options.aspect.low))), 1, height);
  } else if (aspect > static_cast<double>(options.aspect.high)) {
    width = std::clamp(static_cast<int>(std::lround(height * static_cast<double>(options.aspect.high))), 1,
                       width);
  }
  return {(image.height - height) / 2, (image.width - width) / 2, height, width};
}

}  // namespace

void check(const AugmentOptions& options) {
  const auto& scale = options.crop_scale;
  CF_CHECK_AS(ErrorKind::Usage, scale.low > 0 && scale.low <= scale.high && scale.high <= 1,
              "crop_scale is [", scale.low, ", ", scale.high, "], must be ascending within (0, 1]");
  CF_CHECK_AS(ErrorKind::Usage, options.aspect.low > 0 && options.aspect.low <= options.aspect.high,
              "aspect is [", options.aspect.low, ", ", options.aspect.high,
              "], must be ascending and positive");
  CF_CHECK_AS(ErrorKind::Usage, options.flip >= 0 && options.flip <= 1, "flip is ", options.flip,
              ", must be a probability");
  CF_CHECK_AS(ErrorKind::Usage, options.pad >= 0, "pad is ", options.pad, ", must not be negative");
  check(options.appearance);
}

std::int64_t sample_draw(std::int64_t sample, int repetition) {
  constexpr int kSampleBits = 48;
  return sample | std::int64_t{repetition} << kSampleBits;
}

Philox appearance_draw(std::uint64_t seed, std::int64_t epoch, std::int64_t sample) {
  constexpr std::uint64_t kAppearance = std::uint64_t{1} << 63;  // another stream than that of the geometry
  return {seed, Purpose::Augmentation, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(sample) | kAppearance};
}

AugmentDraw draw_augmentation(const AugmentOptions& options, std::uint64_t seed, std::int64_t epoch,
                              std::int64_t sample, ImageSize image, ImageSize target) {
  Philox draw(seed, Purpose::Augmentation, static_cast<std::uint64_t>(epoch),
              static_cast<std::uint64_t>(sample));
  AugmentDraw result;
  result.flip = draw.uniform() < options.flip;
  result.crop =
      options.pad > 0 ? padded_crop(draw, options.pad, image, target) : resized_crop(draw, options, image);
  return result;
}

}  // namespace cf::data

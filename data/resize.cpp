#include "data/resize.h"

#include <algorithm>
#include <cmath>

#include "data/resize_passes.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

void reverse(FilterWeights& weights) {
  std::reverse(weights.taps.begin(), weights.taps.end());
  // The weights of one pixel stay in their order.
  std::reverse(weights.weights.begin(), weights.weights.end());
  for (std::size_t i = 0; i < weights.taps.size(); ++i) {
    const auto first = weights.weights.begin() + static_cast<std::ptrdiff_t>(i) * weights.stride;
    std::reverse(first, first + weights.stride);
  }
}

}  // namespace

void Resizer::resize(const Image& source, const Box& box, ImageSize size, const PixelBox& window,
                     Filter filter, std::uint8_t* out, bool mirrored) {
  CF_CHECK(source.channels == 1 || source.channels == 3, "resize of ", source.channels, " channels");
  compute_weights(filter, source.width, box.left, box.right, size.width, window.left, window.width, across_);
  if (mirrored) reverse(across_);
  compute_weights(filter, source.height, box.top, box.bottom, size.height, window.top, window.height, down_);
  const int first_row = down_.taps.front().first;
  const int end_row = down_.taps.back().first + down_.taps.back().count;
  filter_along_x(source, first_row, end_row - first_row, across_, narrowed_);
  filter_along_y(narrowed_, first_row, down_, out);
}

void Resizer::resize(const Image& source, const Box& box, ImageSize size, const PixelBox& window,
                     Filter filter, Image& out, bool mirrored) {
  out.reshape(window.height, window.width, source.channels);
  resize(source, box, size, window, filter, out.pixels.data(), mirrored);
}

void Resizer::resize(const Image& source, ImageSize size, Filter filter, Image& out) {
  const Box all{0, 0, static_cast<float>(source.width), static_cast<float>(source.height)};
  resize(source, all, size, {0, 0, size.height, size.width}, filter, out);
}

CentreCrop centre_crop(ImageSize source, ImageSize target, float crop) {
  CF_CHECK_AS(ErrorKind::Usage, crop > 0 && crop <= 1, "the evaluation crop is ", crop,
              ", must be in (0, 1]");
  // A float near 0.8 means 0.8: 224 / 0.8 is 280, not a little less.
  const double ratio = std::round(static_cast<double>(crop) * 1e6) / 1e6;
  const auto cover = [ratio](int extent) { return static_cast<int>(std::floor(extent / ratio)); };
  // The side that is shorter relative to the target decides.
  CentreCrop result;
  if (std::int64_t{source.width} * target.height <= std::int64_t{source.height} * target.width) {
    result.resized.width = cover(target.width);
    const std::int64_t long_side = std::int64_t{result.resized.width} * source.height / source.width;
    result.resized.height = std::max(target.height, static_cast<int>(long_side));
  } else {
    result.resized.height = cover(target.height);
    const std::int64_t long_side = std::int64_t{result.resized.height} * source.width / source.height;
    result.resized.width = std::max(target.width, static_cast<int>(long_side));
  }
  // Python's round: halves to the even neighbour, as nearbyint does in the default mode.
  const auto offset = [](int extent, int part) {
    return static_cast<int>(std::nearbyint((extent - part) / 2.0));
  };
  result.window = {.top = offset(result.resized.height, target.height),
                   .left = offset(result.resized.width, target.width),
                   .height = target.height,
                   .width = target.width};
  return result;
}

}  // namespace cf::data

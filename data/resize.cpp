#include "data/resize.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

template <int Channels>
void narrow_row(const std::uint8_t* source, const FilterWeights& filter, std::uint8_t* out) {
  const std::int32_t* weights = filter.weights.data();
  for (const FilterTaps& taps : filter.taps) {
    std::int32_t sums[Channels];
    std::fill(sums, sums + Channels, kHalf);
    const std::uint8_t* pixel = source + taps.first * Channels;
    for (int i = 0; i < taps.count; ++i, pixel += Channels) {
      for (int c = 0; c < Channels; ++c) sums[c] += pixel[c] * weights[i];
    }
    for (int c = 0; c < Channels; ++c) *out++ = to_byte(sums[c]);
    weights += filter.stride;
  }
}

}  // namespace

// Rows [first_row, + rows) of the source, filtered along x, to narrowed_.
void Resizer::horizontal(const Image& source, int first_row, int rows) {
  narrowed_.reshape(rows, static_cast<int>(across_.taps.size()), source.channels);
  for (int y = 0; y < rows; ++y) {
    if (source.channels == 1) {
      narrow_row<1>(source.row(first_row + y), across_, narrowed_.row(y));
    } else {
      narrow_row<3>(source.row(first_row + y), across_, narrowed_.row(y));
    }
  }
}

// `source` holds the rows from first_row on.
void Resizer::vertical(const Image& source, int first_row, Image& out) {
  const int values = source.width * source.channels;
  out.reshape(static_cast<int>(down_.taps.size()), source.width, source.channels);
  sums_.resize(static_cast<std::size_t>(values));
  for (int y = 0; y < out.height; ++y) {
    const FilterTaps taps = down_.taps[static_cast<std::size_t>(y)];
    const std::int32_t* weights = down_.weights.data() + static_cast<std::ptrdiff_t>(y) * down_.stride;
    std::fill(sums_.begin(), sums_.end(), kHalf);
    for (int i = 0; i < taps.count; ++i) {
      const std::uint8_t* row = source.row(taps.first - first_row + i);
      const std::int32_t weight = weights[i];
      for (int x = 0; x < values; ++x) sums_[static_cast<std::size_t>(x)] += row[x] * weight;
    }
    std::transform(sums_.begin(), sums_.end(), out.row(y), to_byte);
  }
}

void Resizer::resize(const Image& source, const Box& box, ImageSize size, const PixelBox& window,
                     Filter filter, Image& out) {
  CF_CHECK(source.channels == 1 || source.channels == 3, "resize of ", source.channels, " channels");
  compute_weights(filter, source.width, box.left, box.right, size.width, window.left, window.width, across_);
  compute_weights(filter, source.height, box.top, box.bottom, size.height, window.top, window.height, down_);
  const int first_row = down_.taps.front().first;
  const int end_row = down_.taps.back().first + down_.taps.back().count;
  horizontal(source, first_row, end_row - first_row);
  vertical(narrowed_, first_row, out);
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

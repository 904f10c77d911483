#include "data/transforms/tone.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::int64_t, 256>;

// Makes the table of a channel by `map(value)` and applies it.
template <class Map>
void map_channel(Image& image, int channel, const Map& map) {
  Table table;
  for (int value = 0; value < 256; ++value)
    table[static_cast<std::size_t>(value)] = static_cast<std::uint8_t>(map(value));
  const auto step = static_cast<std::size_t>(image.channels);
  for (auto i = static_cast<std::size_t>(channel); i < image.pixels.size(); i += step) {
    image.pixels[i] = table[image.pixels[i]];
  }
}

template <class Map>
void map_all(Image& image, const Map& map) {
  for (int c = 0; c < image.channels; ++c) map_channel(image, c, map);
}

Histogram histogram_of(const Image& image, int channel) {
  Histogram histogram{};
  const auto step = static_cast<std::size_t>(image.channels);
  for (auto i = static_cast<std::size_t>(channel); i < image.pixels.size(); i += step)
    ++histogram[image.pixels[i]];
  return histogram;
}

}  // namespace

void invert(Image& image) {
  map_all(image, [](int value) { return 255 - value; });
}

void solarize(Image& image, double threshold) {
  map_all(image, [threshold](int value) { return value < threshold ? value : 255 - value; });
}

void solarize_add(Image& image, int added) {
  map_all(image, [added](int value) { return value < 128 ? std::min(255, value + added) : value; });
}

void posterize(Image& image, int bits) {
  CF_CHECK(bits >= 0 && bits <= 8, "posterize to ", bits, " bits");
  map_all(image, [bits](int value) { return value & (0xff00 >> bits); });
}

void autocontrast(Image& image) {
  for (int c = 0; c < image.channels; ++c) {
    const Histogram histogram = histogram_of(image, c);
    int low = 0, high = 255;
    while (low < 255 && histogram[static_cast<std::size_t>(low)] == 0) ++low;
    while (high > 0 && histogram[static_cast<std::size_t>(high)] == 0) --high;
    if (high <= low) continue;
    const double scale = 255.0 / (high - low), offset = -low * scale;
    map_channel(image, c,
                [=](int value) { return std::clamp(static_cast<int>(value * scale + offset), 0, 255); });
  }
}

void equalize(Image& image) {
  for (int c = 0; c < image.channels; ++c) {
    const Histogram histogram = histogram_of(image, c);
    const auto last =
        std::find_if(histogram.rbegin(), histogram.rend(), [](std::int64_t n) { return n > 0; });
    if (last == histogram.rend()) continue;
    const std::int64_t pixels = std::accumulate(histogram.begin(), histogram.end(), std::int64_t{0});
    const std::int64_t step = (pixels - *last) / 255;
    if (step == 0) continue;  // also where there is one value only
    std::int64_t below = step / 2;
    map_channel(image, c, [&](int value) {
      const std::int64_t level = below / step;
      below += histogram[static_cast<std::size_t>(value)];
      return std::min<std::int64_t>(level, 255);
    });
  }
}

}  // namespace cf::data

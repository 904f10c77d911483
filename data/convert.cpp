#include "data/convert.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

// a * b / 255, rounded.
int product_of_bytes(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

// Stored inverted: `inks` holds 255 - C, 255 - M, 255 - Y, 255 - K.
void rgb_of(const std::uint8_t* inks, std::uint8_t* rgb) {
  const int light = inks[3];
  for (int c = 0; c < 3; ++c) {
    rgb[c] = static_cast<std::uint8_t>(std::clamp(light - product_of_bytes(255 - inks[c], light), 0, 255));
  }
}

}  // namespace

void convert_channels(const Image& source, int channels, Image& out) {
  CF_CHECK(channels == 1 || channels == 3, "conversion to ", channels, " channels");
  out.reshape(source.height, source.width, channels);
  const std::size_t pixels = static_cast<std::size_t>(source.height) * static_cast<std::size_t>(source.width);
  const std::uint8_t* in = source.pixels.data();
  std::uint8_t* to = out.pixels.data();
  if (source.channels == channels) {
    std::copy(source.pixels.begin(), source.pixels.end(), out.pixels.begin());
  } else if (source.channels == 1) {
    for (std::size_t i = 0; i < pixels; ++i, to += 3) to[0] = to[1] = to[2] = in[i];
  } else if (source.channels == 3) {
    for (std::size_t i = 0; i < pixels; ++i) to[i] = grey_of(in + 3 * i);
  } else {
    CF_CHECK(source.channels == 4, "an image of ", source.channels, " channels");
    for (std::size_t i = 0; i < pixels; ++i) {
      std::uint8_t rgb[3];
      rgb_of(in + 4 * i, rgb);
      if (channels == 1) {
        to[i] = grey_of(rgb);
      } else {
        std::copy(rgb, rgb + 3, to + 3 * i);
      }
    }
  }
}

}  // namespace cf::data

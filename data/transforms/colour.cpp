#include "data/transforms/colour.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/convert.h"

namespace cf::data {
namespace {

// Between two bytes, and beyond them; truncated and clipped as Pillow's blend() does.
std::uint8_t blend(int plain, int value, float factor) {
  const float mixed = static_cast<float>(plain) + factor * static_cast<float>(value - plain);
  return static_cast<std::uint8_t>(std::clamp(mixed, 0.0f, 255.0f));
}

using Table = std::array<std::uint8_t, 256>;

void look_up(const Table& table, Image& image) {
  for (std::uint8_t& pixel : image.pixels) pixel = table[pixel];
}

void blend_with(int plain, float factor, Image& image) {
  Table table;
  for (int value = 0; value < 256; ++value)
    table[static_cast<std::size_t>(value)] = blend(plain, value, factor);
  look_up(table, image);
}

struct Hsv {
  int hue, saturation, value;
};

// In steps of 1/255, truncated.
Hsv hsv_of(const std::uint8_t* rgb) {
  const int r = rgb[0], g = rgb[1], b = rgb[2];
  const int most = std::max({r, g, b}), least = std::min({r, g, b});
  if (most == least) return {0, 0, most};
  const auto range = static_cast<float>(most - least);
  const float saturation = range / static_cast<float>(most);
  const float red = static_cast<float>(most - r) / range, green = static_cast<float>(most - g) / range,
              blue = static_cast<float>(most - b) / range;
  float hue = 0;
  if (r == most) {
    hue = blue - green;
  } else if (g == most) {
    hue = static_cast<float>(2.0 + static_cast<double>(red) - static_cast<double>(blue));
  } else {
    hue = static_cast<float>(4.0 + static_cast<double>(green) - static_cast<double>(red));
  }
  hue = static_cast<float>(std::fmod(static_cast<double>(hue) / 6.0 + 1.0, 1.0));
  return {std::clamp(static_cast<int>(static_cast<double>(hue) * 255.0), 0, 255),
          std::clamp(static_cast<int>(static_cast<double>(saturation) * 255.0), 0, 255), most};
}

void put_rgb(const Hsv& hsv, std::uint8_t* rgb) {
  if (hsv.saturation == 0) {
    std::fill_n(rgb, 3, static_cast<std::uint8_t>(hsv.value));
    return;
  }
  const double sixths = static_cast<double>(static_cast<float>(hsv.hue)) * 6.0 / 255.0;
  const int sector = static_cast<int>(std::floor(sixths));
  const auto rest =
      static_cast<double>(static_cast<float>(sixths - static_cast<double>(static_cast<float>(sector))));
  const auto saturation =
      static_cast<double>(static_cast<float>(static_cast<double>(hsv.saturation) / 255.0));
  const auto part = [&](double share) {
    const auto rounded = static_cast<float>(std::round(static_cast<double>(hsv.value) * share));
    return static_cast<std::uint8_t>(std::clamp(rounded, 0.0f, 255.0f));
  };
  const auto v = static_cast<std::uint8_t>(hsv.value);
  const std::uint8_t p = part(1.0 - saturation), q = part(1.0 - saturation * rest),
                     t = part(1.0 - saturation * (1.0 - rest));
  const std::array<std::array<std::uint8_t, 3>, 6> sectors{
      {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}}};
  const auto& chosen = sectors[static_cast<std::size_t>(sector % 6)];
  std::copy(chosen.begin(), chosen.end(), rgb);
}

}  // namespace

void adjust_brightness(Image& image, float factor) { blend_with(0, factor, image); }

void adjust_contrast(Image& image, float factor) {
  std::int64_t sum = 0;
  const auto pixels = static_cast<std::int64_t>(image.pixels.size()) / image.channels;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const std::uint8_t* pixel = image.pixels.data() + i * image.channels;
    sum += image.channels == 3 ? grey_of(pixel) : *pixel;
  }
  const double mean = static_cast<double>(sum) / static_cast<double>(pixels);
  blend_with(static_cast<int>(mean + 0.5), factor, image);
}

void adjust_saturation(Image& image, float factor) {
  if (image.channels == 1) return;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    std::uint8_t* pixel = image.pixels.data() + i;
    const int grey = grey_of(pixel);
    for (int c = 0; c < 3; ++c) pixel[c] = blend(grey, pixel[c], factor);
  }
}

void adjust_sharpness(Image& image, float factor, Image& scratch) {
  scratch = image;
  const std::ptrdiff_t step = image.channels, bytes = std::ptrdiff_t{image.width} * step;
  for (int y = 1; y + 1 < image.height; ++y) {
    const std::uint8_t* from = scratch.row(y);
    std::uint8_t* to = image.row(y);
    for (std::ptrdiff_t i = step; i < bytes - step; ++i) {
      int sum = 4 * from[i];
      for (const std::ptrdiff_t row : {-bytes, std::ptrdiff_t{0}, bytes}) {
        for (const std::ptrdiff_t column : {-step, std::ptrdiff_t{0}, step}) sum += from[i + row + column];
      }
      constexpr int kWeights = 13;
      to[i] = blend((2 * sum + kWeights) / (2 * kWeights), from[i], factor);
    }
  }
}

void adjust_hue(Image& image, double shift) {
  if (image.channels == 1) return;
  const int steps = static_cast<int>(shift * 255);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    Hsv hsv = hsv_of(image.pixels.data() + i);
    hsv.hue = (hsv.hue + steps) & 255;
    put_rgb(hsv, image.pixels.data() + i);
  }
}

void make_grey(Image& image) {
  if (image.channels == 1) return;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    std::fill_n(image.pixels.data() + i, 3, grey_of(image.pixels.data() + i));
}

}  // namespace cf::data

#include "data/transforms/affine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "data/orientation.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr double kPi = 3.14159265358979323846;

int floor_of(double value) { return static_cast<int>(std::floor(value)); }

// The functions below know the number of channels when compiled: their inner loops are over channels.

template <int kChannels>
void paint(const FillColour& fill, Image& image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += kChannels)
    std::copy_n(fill.begin(), kChannels, image.pixels.begin() + static_cast<std::ptrdiff_t>(i));
}

template <int kChannels>
void copy_pixel(const Image& in, int row, int column, std::uint8_t* out) {
  std::copy_n(in.row(row) + std::ptrdiff_t{column} * kChannels, kChannels, out);
}

// Along one axis; places are added up, as Pillow does, so that rounding is the same.
template <int kChannels>
void scale_nearest(const Image& in, const Affine& map, Image& out) {
  const auto place = [](double at, int extent) { return at < 0 || at >= extent ? -1 : static_cast<int>(at); };
  double y = map.f + map.e * 0.5;
  for (int row = 0; row < out.height; ++row, y += map.e) {
    const int from = place(y, in.height);
    if (from < 0) continue;
    double x = map.c + map.a * 0.5;
    for (int column = 0; column < out.width; ++column, x += map.a) {
      const int at = place(x, in.width);
      if (at >= 0) copy_pixel<kChannels>(in, from, at, out.row(row) + std::ptrdiff_t{column} * kChannels);
    }
  }
}

// In 16.16 fixed point.
template <int kChannels>
void map_nearest(const Image& in, const Affine& map, Image& out) {
  const auto fixed = [](double value) { return floor_of(value * 65536.0 + 0.5); };
  const int a = fixed(map.a), b = fixed(map.b), d = fixed(map.d), e = fixed(map.e);
  int first_x = fixed(map.c + map.a * 0.5 + map.b * 0.5), first_y = fixed(map.f + map.d * 0.5 + map.e * 0.5);
  for (int row = 0; row < out.height; ++row, first_x += b, first_y += e) {
    int x = first_x, y = first_y;
    for (int column = 0; column < out.width; ++column, x += a, y += d) {
      const int from_x = x >> 16, from_y = y >> 16;
      if (from_x < 0 || from_x >= in.width || from_y < 0 || from_y >= in.height) continue;
      copy_pixel<kChannels>(in, from_y, from_x, out.row(row) + std::ptrdiff_t{column} * kChannels);
    }
  }
}

// The pixels around a place: so many rows and columns from (row, column) on, those outside replaced by the
// edge's.
template <int kChannels, int kCount>
struct Neighbours {
  std::array<const std::uint8_t*, kCount> rows;
  std::array<std::ptrdiff_t, kCount> columns;

  Neighbours(const Image& in, int row, int column) {
    for (int i = 0; i < kCount; ++i) {
      const auto at = static_cast<std::size_t>(i);
      rows[at] = in.row(std::clamp(row + i, 0, in.height - 1));
      columns[at] = std::ptrdiff_t{std::clamp(column + i, 0, in.width - 1)} * kChannels;
    }
  }
};

template <int kChannels>
void put_bilinear(const Image& in, double x, double y, std::uint8_t* out) {
  const int column = floor_of(x), row = floor_of(y);
  const double dx = x - column, dy = y - row;
  const Neighbours<kChannels, 2> near(in, row, column);
  const auto between = [](double a, double b, double d) { return a + (b - a) * d; };
  for (int c = 0; c < kChannels; ++c) {
    const auto across = [&](std::size_t i) {
      return between(near.rows[i][near.columns[0] + c], near.rows[i][near.columns[1] + c], dx);
    };
    out[c] = static_cast<std::uint8_t>(between(across(0), across(1), dy));
  }
}

// With a = -1, the convention of Pillow's transforms (its resize has -0.5).
double cubic(const std::array<double, 4>& v, double d) {
  const double p1 = v[1];
  const double p2 = -v[0] + v[2];
  const double p3 = 2 * (v[0] - v[1]) + v[2] - v[3];
  const double p4 = -v[0] + v[1] - v[2] + v[3];
  return p1 + d * (p2 + d * (p3 + d * p4));
}

template <int kChannels>
void put_bicubic(const Image& in, double x, double y, std::uint8_t* out) {
  const int column = floor_of(x), row = floor_of(y);
  const double dx = x - column, dy = y - row;
  const Neighbours<kChannels, 4> near(in, row - 1, column - 1);
  for (int c = 0; c < kChannels; ++c) {
    std::array<double, 4> across;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t* pixels = near.rows[i] + c;
      across[i] =
          cubic({static_cast<double>(pixels[near.columns[0]]), static_cast<double>(pixels[near.columns[1]]),
                 static_cast<double>(pixels[near.columns[2]]), static_cast<double>(pixels[near.columns[3]])},
                dx);
    }
    out[c] = static_cast<std::uint8_t>(std::clamp(cubic(across, dy), 0.0, 255.0));
  }
}

template <int kChannels, class Put>
void map_smoothly(const Image& in, const Affine& map, const Put& put, Image& out) {
  for (int row = 0; row < out.height; ++row) {
    std::uint8_t* pixel = out.row(row);
    for (int column = 0; column < out.width; ++column, pixel += kChannels) {
      const double x = column + 0.5, y = row + 0.5;
      const double from_x = map.a * x + map.b * y + map.c, from_y = map.d * x + map.e * y + map.f;
      if (from_x < 0 || from_x >= in.width || from_y < 0 || from_y >= in.height) continue;
      put(in, from_x - 0.5, from_y - 0.5, pixel);
    }
  }
}

// As Python's round(value, 15).
double rounded(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.15f", value);
  return std::strtod(text, nullptr);
}

template <int kChannels>
void transform_channels(const Image& in, const Affine& map, Interpolation interpolation,
                        const FillColour& fill, Image& out) {
  paint<kChannels>(fill, out);
  if (interpolation == Interpolation::Bilinear) {
    map_smoothly<kChannels>(in, map, put_bilinear<kChannels>, out);
  } else if (interpolation == Interpolation::Bicubic) {
    map_smoothly<kChannels>(in, map, put_bicubic<kChannels>, out);
  } else if (map.b == 0 && map.d == 0) {
    scale_nearest<kChannels>(in, map, out);
  } else {
    map_nearest<kChannels>(in, map, out);
  }
}

}  // namespace

void transform(const Image& in, const Affine& map, Interpolation interpolation, const FillColour& fill,
               Image& out) {
  CF_CHECK(in.channels == 1 || in.channels == 3, "an affine map of ", in.channels, " channels");
  out.reshape(in.height, in.width, in.channels);
  if (in.channels == 3) {
    transform_channels<3>(in, map, interpolation, fill, out);
  } else {
    transform_channels<1>(in, map, interpolation, fill, out);
  }
}

void rotate(const Image& in, double degrees, Interpolation interpolation, const FillColour& fill,
            Image& out) {
  constexpr int kUpright = 1, kHalf = 3, kClockwise = 6, kCounterclockwise = 8;  // as orientation.h counts
  degrees = std::fmod(degrees, 360.0);
  if (degrees < 0) degrees += 360.0;
  const bool is_square = in.width == in.height;
  if (degrees == 0) return turn_upright(in, kUpright, out);
  if (degrees == 180) return turn_upright(in, kHalf, out);
  if (degrees == 90 && is_square) return turn_upright(in, kCounterclockwise, out);
  if (degrees == 270 && is_square) return turn_upright(in, kClockwise, out);
  const double angle = -(degrees * (kPi / 180.0));
  const double cosine = rounded(std::cos(angle)), sine = rounded(std::sin(angle)),
               minus_sine = rounded(-std::sin(angle));
  const double x = in.width / 2.0, y = in.height / 2.0;
  Affine map{.a = cosine, .b = sine, .c = 0, .d = minus_sine, .e = cosine, .f = 0};
  map.c = map.a * -x + map.b * -y + x;
  map.f = map.d * -x + map.e * -y + y;
  transform(in, map, interpolation, fill, out);
}

}  // namespace cf::data

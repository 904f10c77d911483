// How grouped_conv at place Cpu cuts its work: a unit is one group of 8 channels of some rows of some
// samples, copied into a buffer that stays in the first-level cache, with the zero padding around it. Inner
// loops then know no borders.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/float8.h"

namespace cf::kernels {

// NHWC memory with C a multiple of 8.
struct ImageShape {
  std::int64_t n, h, w, c;

  std::int64_t groups() const { return c / kVectorWidth; }
};

// Samples and rows of one unit.
struct Unit {
  std::int64_t first_sample, samples, first_row, rows;
};

// The units of one group; they depend on the shape alone.
class Blocking {
 public:
  explicit Blocking(const ImageShape& shape) : shape_(shape) {
    const std::int64_t row = (shape.w + 2) * kVectorWidth;
    rows_ = std::clamp<std::int64_t>(kCachedFloats / row - 2, std::min<std::int64_t>(4, shape.h), shape.h);
    samples_ =
        rows_ < shape.h ? 1 : std::clamp<std::int64_t>(kCachedFloats / (row * (rows_ + 2)), 1, shape.n);
    row_blocks_ = (shape.h + rows_ - 1) / rows_;
    sample_blocks_ = (shape.n + samples_ - 1) / samples_;
  }

  std::int64_t units() const { return row_blocks_ * sample_blocks_; }

  Unit unit(std::int64_t index) const {
    const std::int64_t sample = index / row_blocks_ * samples_, row = index % row_blocks_ * rows_;
    return {sample, std::min(samples_, shape_.n - sample), row, std::min(rows_, shape_.h - row)};
  }

  // Floats of the largest unit, with and without its padding.
  std::int64_t padded_floats() const { return samples_ * (rows_ + 2) * (shape_.w + 2) * kVectorWidth; }
  std::int64_t plain_floats() const { return samples_ * rows_ * shape_.w * kVectorWidth; }

 private:
  static constexpr std::int64_t kCachedFloats = 4096;  // 16 KiB

  ImageShape shape_;
  std::int64_t rows_, samples_, row_blocks_, sample_blocks_;
};

// The unit's pixels of one group with a border of one pixel: rows first_row - 1 ... first_row + rows of each
// sample, zeros outside of the image. [samples, rows + 2, w + 2, 8].
inline void copy_padded(const float* image, const ImageShape& shape, std::int64_t group, const Unit& unit,
                        float* padded) {
  for (std::int64_t i = 0; i < unit.samples; ++i) {
    for (std::int64_t row = unit.first_row - 1; row <= unit.first_row + unit.rows; ++row) {
      float* to = padded;
      padded += (shape.w + 2) * kVectorWidth;
      if (row < 0 || row >= shape.h) {
        std::fill(to, padded, 0.0F);
        continue;
      }
      const float* from =
          image + ((unit.first_sample + i) * shape.h + row) * shape.w * shape.c + group * kVectorWidth;
      store8(to, Float8{});
      for (std::int64_t w = 0; w < shape.w; ++w)
        store8(to + (w + 1) * kVectorWidth, load8(from + w * shape.c));
      store8(padded - kVectorWidth, Float8{});
    }
  }
}

// The unit's pixels of one group without a border: [samples, rows, w, 8].
inline void copy_plain(const float* image, const ImageShape& shape, std::int64_t group, const Unit& unit,
                       float* plain) {
  for (std::int64_t i = 0; i < unit.samples; ++i) {
    const float* from = image + ((unit.first_sample + i) * shape.h + unit.first_row) * shape.w * shape.c +
                        group * kVectorWidth;
    for (std::int64_t pixel = 0; pixel < unit.rows * shape.w; ++pixel) {
      store8(plain, load8(from + pixel * shape.c));
      plain += kVectorWidth;
    }
  }
}

}  // namespace cf::kernels

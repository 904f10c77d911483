#include "data/resize_passes.h"

#include <algorithm>

namespace cf::data {
namespace {

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

template <int Channels>
void filter_row(const std::uint8_t* source, const FilterWeights& filter, std::uint8_t* out) {
  const std::int32_t* weights = filter.weights.data();
  for (const FilterTaps& taps : filter.taps) {
    std::int32_t sums[Channels];
    std::fill(sums, sums + Channels, kRoundingHalf);
    const std::uint8_t* pixel = source + taps.first * Channels;
    for (int i = 0; i < taps.count; ++i, pixel += Channels) {
      for (int c = 0; c < Channels; ++c) sums[c] += pixel[c] * weights[i];
    }
    for (int c = 0; c < Channels; ++c) *out++ = to_byte(sums[c]);
    weights += filter.stride;
  }
}

}  // namespace

void filter_along_x_portable(const Image& source, int first_row, int rows, const FilterWeights& weights,
                             Image& out, int out_row) {
  for (int y = 0; y < rows; ++y) {
    if (source.channels == 1) {
      filter_row<1>(source.row(first_row + y), weights, out.row(out_row + y));
    } else {
      filter_row<3>(source.row(first_row + y), weights, out.row(out_row + y));
    }
  }
}

void filter_along_y_portable(const Image& source, int first_row, const FilterWeights& weights,
                             std::uint8_t* out) {
  const int values = source.width * source.channels;
  const std::int32_t* weight = weights.weights.data();
  for (const FilterTaps& taps : weights.taps) {
    for (int x = 0; x < values; ++x) {
      std::int32_t sum = kRoundingHalf;
      for (int i = 0; i < taps.count; ++i) sum += source.row(taps.first - first_row + i)[x] * weight[i];
      out[x] = to_byte(sum);
    }
    weight += weights.stride;
    out += values;
  }
}

#ifndef __AVX2__
void filter_along_x(const Image& source, int first_row, int rows, FilterWeights& weights, Image& out) {
  out.reshape(rows, static_cast<int>(weights.taps.size()), source.channels);
  filter_along_x_portable(source, first_row, rows, weights, out, 0);
}

void filter_along_y(const Image& source, int first_row, FilterWeights& weights, std::uint8_t* out) {
  filter_along_y_portable(source, first_row, weights, out);
}
#endif

}  // namespace cf::data

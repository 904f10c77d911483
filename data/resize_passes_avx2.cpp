// The passes with AVX2, two taps per multiplication.
//
// A weight of 23 bits and sign does not fit the 16 bits of vpmaddwd, so it is split: weight = high * 2^11 +
// low. Both halves are summed by themselves and joined at the end, which is the same integer arithmetic.
#ifdef __AVX2__

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "data/resize_passes.h"

namespace cf::data {
namespace {

constexpr int kLowBits = 11;
constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

// Two 16-bit numbers side by side.
std::int32_t pair_of(std::int32_t first, std::int32_t second) {
  return static_cast<std::int32_t>((static_cast<std::uint32_t>(second) << 16) |
                                   (static_cast<std::uint32_t>(first) & 0xffffu));
}

// Fills weights.pairs: for each output pixel, per two taps the high and then the low halves.
void pair_up(FilterWeights& weights) {
  const std::size_t stride = static_cast<std::size_t>(weights.stride);
  weights.pairs.clear();
  for (std::size_t pixel = 0; pixel < weights.taps.size(); ++pixel) {
    const std::int32_t* w = weights.weights.data() + pixel * stride;
    for (std::size_t i = 0; i < stride; i += 2) {
      const std::int32_t first = w[i], second = i + 1 < stride ? w[i + 1] : 0;
      weights.pairs.push_back(pair_of(first >> kLowBits, second >> kLowBits));
      weights.pairs.push_back(pair_of(first & ((1 << kLowBits) - 1), second & ((1 << kLowBits) - 1)));
    }
  }
}

std::ptrdiff_t pairs_stride(const FilterWeights& weights) { return (weights.stride + 1) / 2 * 2; }

__m256i join(__m256i high, __m256i low) {
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
  return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(kHalf)), kWeightBits);
}

// Two rows of RGB, one in each half of the register. Reads up to 5 bytes behind the last tap.
void filter_two_rows(const std::uint8_t* row0, const std::uint8_t* row1, const FilterWeights& weights,
                     std::uint8_t* out0, std::uint8_t* out1) {
  // Two pixels rgbRGB to the 16-bit numbers r R g G b B.
  const __m128i order = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  const __m256i orders = _mm256_broadcastsi128_si256(order);
  const std::int32_t* pairs = weights.pairs.data();
  const std::ptrdiff_t stride = pairs_stride(weights);
  const std::size_t width = weights.taps.size();
  for (std::size_t x = 0; x < width; ++x, pairs += stride) {
    const FilterTaps taps = weights.taps[x];
    const std::uint8_t* pixel0 = row0 + 3 * taps.first;
    const std::uint8_t* pixel1 = row1 + 3 * taps.first;
    __m256i high = _mm256_setzero_si256(), low = _mm256_setzero_si256();
    for (int i = 0; i < taps.count; i += 2) {
      const __m128i a = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel0 + 3 * i));
      const __m128i b = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel1 + 3 * i));
      const __m256i values =
          _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1), orders);
      high = _mm256_add_epi32(high, _mm256_madd_epi16(values, _mm256_set1_epi32(pairs[i])));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(values, _mm256_set1_epi32(pairs[i + 1])));
    }
    const __m256i words = _mm256_packs_epi32(join(high, low), _mm256_setzero_si256());
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const int rgb0 = _mm256_extract_epi32(bytes, 0), rgb1 = _mm256_extract_epi32(bytes, 4);
    // Four bytes in one store; the next pixel overwrites the fourth, so the last one takes three.
    const std::size_t stored = x + 1 < width ? 4 : 3;
    std::memcpy(out0 + 3 * x, &rgb0, stored);
    std::memcpy(out1 + 3 * x, &rgb1, stored);
  }
}

// 16 values of one output row; row(i) is the source row of tap i.
template <class Row>
__m128i filter_16_values(int count, const std::int32_t* pairs, const Row& row) {
  __m256i high0 = _mm256_setzero_si256(), high1 = high0, low0 = high0, low1 = high0;
  for (int i = 0; i < count; i += 2) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row(i)));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row(i + 1 < count ? i + 1 : i)));
    const __m256i values0 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    const __m256i values1 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    const __m256i high = _mm256_set1_epi32(pairs[i]), low = _mm256_set1_epi32(pairs[i + 1]);
    high0 = _mm256_add_epi32(high0, _mm256_madd_epi16(values0, high));
    high1 = _mm256_add_epi32(high1, _mm256_madd_epi16(values1, high));
    low0 = _mm256_add_epi32(low0, _mm256_madd_epi16(values0, low));
    low1 = _mm256_add_epi32(low1, _mm256_madd_epi16(values1, low));
  }
  const __m256i words =
      _mm256_permute4x64_epi64(_mm256_packs_epi32(join(high0, low0), join(high1, low1)), 0xD8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

}  // namespace

void filter_along_x(const Image& source, int first_row, int rows, FilterWeights& weights, Image& out) {
  out.reshape(rows, static_cast<int>(weights.taps.size()), source.channels);
  // What lies behind a row is read with it: the last row, and rows shorter than that, are left to the other
  // code.
  const bool ends_with_source = first_row + rows == source.height;
  const bool is_wide = source.channels == 3 && source.width >= 2;
  const int wide_rows = is_wide ? (rows - (ends_with_source ? 1 : 0)) / 2 * 2 : 0;
  if (wide_rows > 0) pair_up(weights);
  for (int y = 0; y < wide_rows; y += 2) {
    filter_two_rows(source.row(first_row + y), source.row(first_row + y + 1), weights, out.row(y),
                    out.row(y + 1));
  }
  filter_along_x_portable(source, first_row + wide_rows, rows - wide_rows, weights, out, wide_rows);
}

void filter_along_y(const Image& source, int first_row, FilterWeights& weights, Image& out) {
  constexpr int kValues = 16;
  const int values = source.width * source.channels;
  if (values < kValues) return filter_along_y_portable(source, first_row, weights, out);
  pair_up(weights);
  out.reshape(static_cast<int>(weights.taps.size()), source.width, source.channels);
  for (int y = 0; y < out.height; ++y) {
    const FilterTaps taps = weights.taps[static_cast<std::size_t>(y)];
    const std::int32_t* pairs = weights.pairs.data() + y * pairs_stride(weights);
    for (int x = 0; x < values; x += kValues) {
      const int at = std::min(x, values - kValues);  // the last block overlaps the one before
      const auto row = [&](int i) { return source.row(taps.first - first_row + i) + at; };
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out.row(y) + at), filter_16_values(taps.count, pairs, row));
    }
  }
}

}  // namespace cf::data

#endif

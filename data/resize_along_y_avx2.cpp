// The pass along y with AVX2: a register holds two taps, which are rows, of eight values.
#ifdef __AVX2__

#include <algorithm>

#include "data/resize_avx2.h"
#include "data/resize_passes.h"

namespace cf::data {
namespace {

// 32 values of one output row; row(i) is the source row of tap i.
template <class Row>
__m256i filter_block(int count, const WeightPair* pairs, const Row& row) {
  const __m256i zero = _mm256_setzero_si256();
  const auto load = [](const std::uint8_t* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  };
  SplitSum sums[kBlockRegisters];
  for (int i = 0; i < count; i += 2, ++pairs) {
    const __m256i a = load(row(i)), b = load(row(std::min(i + 1, count - 1)));
    const __m256i lower = _mm256_unpacklo_epi8(a, b), upper = _mm256_unpackhi_epi8(a, b);
    const __m256i high = _mm256_set1_epi32(pairs->high), low = _mm256_set1_epi32(pairs->low);
    sums[0].add(_mm256_unpacklo_epi8(lower, zero), high, low);
    sums[1].add(_mm256_unpackhi_epi8(lower, zero), high, low);
    sums[2].add(_mm256_unpacklo_epi8(upper, zero), high, low);
    sums[3].add(_mm256_unpackhi_epi8(upper, zero), high, low);
  }
  return packed({sums[0].joined(), sums[1].joined(), sums[2].joined(), sums[3].joined()});
}

}  // namespace

void filter_along_y(const Image& source, int first_row, FilterWeights& weights, std::uint8_t* out) {
  const int values = source.width * source.channels;
  if (values < kBlockValues) return filter_along_y_portable(source, first_row, weights, out);
  std::vector<WeightPair>& pairs = weights.pairs;
  for (std::size_t y = 0; y < weights.taps.size(); ++y, out += values) {
    const FilterTaps taps = weights.taps[y];
    const std::int32_t* w = weights.weights.data() + y * static_cast<std::size_t>(weights.stride);
    pairs.clear();
    for (int i = 0; i < taps.count; i += 2) pairs.push_back(pair_of(w[i], i + 1 < taps.count ? w[i + 1] : 0));
    for (int x = 0; x < values; x += kBlockValues) {
      const int at = std::min(x, values - kBlockValues);  // the last block overlaps the one before
      const auto row = [&](int i) { return source.row(taps.first - first_row + i) + at; };
      const __m256i bytes = filter_block(taps.count, pairs.data(), row);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at), bytes);
    }
  }
}

}  // namespace cf::data

#endif

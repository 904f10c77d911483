// What both passes of a resize with AVX2 share.
//
// A weight of 23 bits and sign does not fit the 16 bits of vpmaddwd, so it is split: weight = high * 2^11 +
// low. Both halves are summed by themselves, two taps per multiplication, and joined at the end, which is the
// same integer arithmetic.
#pragma once

#ifdef __AVX2__

#include <immintrin.h>

#include <cstdint>

#include "data/resize.h"

namespace cf::data {

inline constexpr int kLowBits = 11;

// A block of output values: four registers of eight 32-bit sums, packed to 32 bytes.
inline constexpr int kBlockRegisters = 4, kBlockValues = 32;

inline WeightPair pair_of(std::int32_t first, std::int32_t second) {
  const auto join_16 = [](std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(b) << 16) |
                                     (static_cast<std::uint32_t>(a) & 0xffffu));
  };
  constexpr std::int32_t kLowMask = (1 << kLowBits) - 1;
  return {join_16(first >> kLowBits, second >> kLowBits), join_16(first & kLowMask, second & kLowMask)};
}

// The sums of both parts of a weight, for eight values.
struct SplitSum {
  __m256i high = _mm256_set1_epi32(1 << (kWeightBits - 1 - kLowBits));  // rounds: half of the last place
  __m256i low = _mm256_setzero_si256();

  void add(__m256i values, __m256i high_weights, __m256i low_weights) {
    high = _mm256_add_epi32(high, _mm256_madd_epi16(values, high_weights));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(values, low_weights));
  }
  // (high * 2^11 + low) / 2^22, rounded down.
  __m256i joined() const {
    return _mm256_srai_epi32(_mm256_add_epi32(high, _mm256_srai_epi32(low, kLowBits)),
                             kWeightBits - kLowBits);
  }
};

// To bytes, with saturation; the lower halves of all registers first.
inline __m256i packed(const __m256i (&words)[kBlockRegisters]) {
  return _mm256_packus_epi16(_mm256_packs_epi32(words[0], words[1]), _mm256_packs_epi32(words[2], words[3]));
}

}  // namespace cf::data

#endif

// The pass along x with AVX2: a register holds two taps of eight output values, each with weights of its own.
// Which bytes of a row they are is the same for all rows and is worked out once.
#ifdef __AVX2__

#include <algorithm>
#include <cstdlib>

#include "data/resize_avx2.h"
#include "data/resize_passes.h"

namespace cf::data {
namespace {

constexpr int kChannels = 3;
constexpr int kLanes = 2, kLaneValues = 4, kLaneBytes = 16;
constexpr std::uint8_t kZero = 0x80;  // shuffles to 0

// Four output values belong to two pixels. Their sources lie in 16 bytes, or in twice 8 if those pixels'
// first taps are far from one another.
bool are_near(const std::vector<FilterTaps>& taps) {
  constexpr int kNear = kLaneBytes / kChannels - 2;
  for (std::size_t i = 1; i < taps.size(); ++i) {
    if (std::abs(taps[i].first - taps[i - 1].first) > kNear) return false;
  }
  return true;
}

class StepBuilder {
 public:
  StepBuilder(const FilterWeights& weights, int row_bytes)
      : weights_(weights), row_bytes_(row_bytes), near_(are_near(weights.taps)) {}

  bool near() const { return near_; }

  // Taps 2 * pair and 2 * pair + 1 of the values [first, + 4) of an output row, into one lane of a step.
  void fill(int first, int pair, int lane, RowStep& step) const {
    const int pixel = first / kChannels;
    const int next = (first + kLaneValues - 1) / kChannels;
    const int part_bytes = near_ ? kLaneBytes : kLaneBytes / 2;
    int origin[2];
    for (const int i : {0, 1}) {
      const int at = near_ ? std::min(first_of(pixel), first_of(next)) : first_of(i == 0 ? pixel : next);
      origin[i] = std::min(kChannels * (at + 2 * pair), row_bytes_ - part_bytes);
      step.offsets[2 * lane + i] = origin[i];
    }
    for (int i = 0; i < kLaneValues; ++i) {
      const int value = first + i;
      const int part = value / kChannels == pixel ? 0 : 1;
      const int shift = near_ ? 0 : part * part_bytes;
      fill_value(value, pair, shift - origin[part], 4 * (lane * kLaneValues + i), step);
    }
  }

 private:
  int first_of(int pixel) const { return weights_.taps[static_cast<std::size_t>(pixel)].first; }

  void fill_value(int value, int pair, int shift, int at, RowStep& step) const {
    const int pixel = value / kChannels;
    const FilterTaps taps = weights_.taps[static_cast<std::size_t>(pixel)];
    const std::int32_t* w = weights_.weights.data() + std::ptrdiff_t{pixel} * weights_.stride;
    std::int32_t weight[2] = {0, 0};
    for (const int i : {0, 1}) {
      const int tap = 2 * pair + i;
      const bool is_used = tap < taps.count;
      if (is_used) weight[i] = w[tap];
      const int byte = kChannels * (taps.first + tap) + value % kChannels + shift;
      step.picks[at + 2 * i] = is_used ? static_cast<std::uint8_t>(byte) : kZero;
      step.picks[at + 2 * i + 1] = kZero;
    }
    const WeightPair split = pair_of(weight[0], weight[1]);
    step.high[at / 4] = split.high;
    step.low[at / 4] = split.low;
  }

  const FilterWeights& weights_;
  int row_bytes_;
  bool near_;
};

// Blocks of 32 values; the last one overlaps the one before.
int first_of_block(int block, int values) { return std::min(block * kBlockValues, values - kBlockValues); }

template <bool kNear>
__m256i load_lanes(const std::uint8_t* row, const std::int32_t* offsets) {
  const auto part = [row](std::int32_t offset) { return reinterpret_cast<const __m128i*>(row + offset); };
  if constexpr (kNear) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(part(offsets[0]))),
                                   _mm_loadu_si128(part(offsets[2])), 1);
  } else {
    const auto lane = [&part](const std::int32_t* o) {
      return _mm_unpacklo_epi64(_mm_loadl_epi64(part(o[0])), _mm_loadl_epi64(part(o[1])));
    };
    return _mm256_inserti128_si256(_mm256_castsi128_si256(lane(offsets)), lane(offsets + 2), 1);
  }
}

// Two rows at a time share what is loaded of the steps. kPairs: how many pairs of taps a value has, 0 if only
// `pairs` tells.
template <bool kNear, int kPairs>
void filter_two_rows(const std::uint8_t* row0, const std::uint8_t* row1, const RowStep* step, int pairs,
                     int values, std::uint8_t* out0, std::uint8_t* out1) {
  const auto load = [](const void* at) { return _mm256_load_si256(static_cast<const __m256i*>(at)); };
  const auto store = [](std::uint8_t* at, __m256i bytes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), bytes);
  };
  if (kPairs > 0) pairs = kPairs;
  const int blocks = (values + kBlockValues - 1) / kBlockValues;
  for (int block = 0; block < blocks; ++block) {
    __m256i words0[kBlockRegisters], words1[kBlockRegisters];
#pragma GCC unroll 4
    for (int i = 0; i < kBlockRegisters; ++i) {
      SplitSum sum0, sum1;
      for (int pair = 0; pair < pairs; ++pair, ++step) {
        const __m256i picks = load(step->picks), high = load(step->high), low = load(step->low);
        sum0.add(_mm256_shuffle_epi8(load_lanes<kNear>(row0, step->offsets), picks), high, low);
        sum1.add(_mm256_shuffle_epi8(load_lanes<kNear>(row1, step->offsets), picks), high, low);
      }
      words0[i] = sum0.joined();
      words1[i] = sum1.joined();
    }
    const int first = first_of_block(block, values);
    store(out0 + first, packed(words0));
    store(out1 + first, packed(words1));
  }
}

template <bool kNear>
auto filter_for(int pairs) {
  return pairs == 1   ? filter_two_rows<kNear, 1>
         : pairs == 2 ? filter_two_rows<kNear, 2>
                      : filter_two_rows<kNear, 0>;
}

}  // namespace

void filter_along_x(const Image& source, int first_row, int rows, FilterWeights& weights, Image& out) {
  out.reshape(rows, static_cast<int>(weights.taps.size()), source.channels);
  const int values = out.width * kChannels, row_bytes = source.width * kChannels;
  if (source.channels != kChannels || values < kBlockValues || row_bytes < kLaneBytes) {
    return filter_along_x_portable(source, first_row, rows, weights, out, 0);
  }
  int most_taps = 0;
  for (const FilterTaps& taps : weights.taps) most_taps = std::max(most_taps, taps.count);
  const int pairs = (most_taps + 1) / 2;
  const StepBuilder builder(weights, row_bytes);
  const int blocks = (values + kBlockValues - 1) / kBlockValues;
  weights.steps.resize(static_cast<std::size_t>(blocks) * kBlockRegisters * static_cast<std::size_t>(pairs));
  RowStep* step = weights.steps.data();
  for (int block = 0; block < blocks; ++block) {
    for (int i = 0; i < kBlockRegisters; ++i) {
      for (int pair = 0; pair < pairs; ++pair, ++step) {
        for (int lane = 0; lane < kLanes; ++lane) {
          // Where packed() puts them in order.
          const int first = first_of_block(block, values) + lane * kLaneBytes + i * kLaneValues;
          builder.fill(first, pair, lane, *step);
        }
      }
    }
  }
  const auto filter = builder.near() ? filter_for<true>(pairs) : filter_for<false>(pairs);
  for (int y = 0; y < rows; y += 2) {
    const int y1 = std::min(y + 1, rows - 1);  // a single last row is computed twice
    filter(source.row(first_row + y), source.row(first_row + y1), weights.steps.data(), pairs, values,
           out.row(y), out.row(y1));
  }
}

}  // namespace cf::data

#endif

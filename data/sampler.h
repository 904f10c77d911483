// The order of an epoch: a permutation of the samples that is a pure function of (seed, epoch). Nothing is
// stored, so that any position can be asked for at once: after a resume, by any thread, on any rank.
#pragma once

#include <array>
#include <cstdint>

namespace cf::data {

class EpochOrder {
 public:
  // `shuffle` false: position i is sample i.
  EpochOrder(std::int64_t size, bool shuffle, std::uint64_t seed, std::int64_t epoch);

  // The sample at a position in [0, size).
  std::int64_t operator()(std::int64_t position) const;

 private:
  static constexpr int kRounds = 6;
  std::uint64_t permute(std::uint64_t value) const;

  std::int64_t size_;
  bool shuffle_;
  int half_bits_ = 0;
  std::array<std::uint32_t, kRounds> keys_{};
};

}  // namespace cf::data

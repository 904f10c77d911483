// The order of an epoch: a permutation of the samples that is a pure function of (seed, epoch). Nothing is
// stored, so that any position can be asked for at once: after a resume, by any thread, on any rank.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/base/philox.h"

namespace cf::data {

enum class Shuffle {
  None,   // position i is sample i
  Full,   // every sample may come at every position
  Block,  // blocks of neighbouring samples are shuffled, and samples within windows of many blocks
};

// A bijection of the numbers below a bound that looks random.
class Permutation {
 public:
  // Draws its keys from `draw`.
  Permutation(std::int64_t bound, Philox draw);

  std::int64_t operator()(std::int64_t number) const;

 private:
  static constexpr int kRounds = 6;
  std::uint64_t permute(std::uint64_t value) const;

  std::uint64_t bound_;
  int half_bits_;
  std::array<std::uint32_t, kRounds> keys_{};
};

class EpochOrder {
 public:
  // Of Shuffle::Block. A block of 32 photographs is one to four MB, which a disk reads at nearly its full
  // rate wherever they lie; a window of 512 blocks holds samples of hundreds of ImageNet's classes even where
  // they are stored class by class.
  static constexpr std::int64_t kBlock = 32, kWindowBlocks = 512, kWindow = kBlock * kWindowBlocks;

  EpochOrder(std::int64_t size, Shuffle shuffle, std::uint64_t seed, std::int64_t epoch);

  // The sample at a position in [0, size).
  std::int64_t operator()(std::int64_t position) const;

  // Neighbouring samples, the last of which may be followed by sample 0.
  struct Run {
    std::int64_t first, count;
  };
  // Of Shuffle::Block: the block that the epoch has in place `slot`. Windows are kWindowBlocks slots each,
  // and the samples of a window those of its blocks.
  Run run_of_slot(std::int64_t slot) const;

 private:
  std::int64_t size_;
  Shuffle shuffle_;
  std::uint64_t seed_;
  std::int64_t epoch_;
  std::int64_t whole_blocks_;
  Permutation permutation_;    // of samples; of whole blocks with Shuffle::Block
  std::int64_t rotation_ = 0;  // the sample at which the first block begins
};

}  // namespace cf::data

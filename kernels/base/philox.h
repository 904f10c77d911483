// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC11).
//
// Everything random in the program is a pure function of (seed, purpose, epoch or step, sample): nothing
// depends on threads, ranks or restarts, and a checkpoint needs to keep no generator state.
//
//   Philox draw(seed, Purpose::Augmentation, epoch, sample);
//   float u = draw.uniform();            // each call takes the next number of this stream
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/base/axes.h"

namespace cf {

// What a stream of random numbers is for; part of the key, so that streams never overlap. Values are stored
// nowhere but decide the numbers drawn: append only.
enum class Purpose : std::uint32_t {
  Initialisation = 1,
  SampleOrder = 2,
  Augmentation = 3,
  StochasticDepth = 4,
  Dropout = 5,
  Mixup = 6,
  SyntheticData = 7,
  Test = 8,
};

using Philox4 = std::array<std::uint32_t, 4>;

// One block of the generator: 128 random bits of (counter, key).
CF_HOST_DEVICE constexpr Philox4 philox4x32(Philox4 counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(a)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// One stream of random numbers. Streams of different (seed, purpose, epoch, sample) are independent.
class Philox {
 public:
  CF_HOST_DEVICE constexpr Philox(std::uint64_t seed, Purpose purpose, std::uint64_t epoch = 0,
                                  std::uint64_t sample = 0)
      : key0_(static_cast<std::uint32_t>(seed) ^ (static_cast<std::uint32_t>(purpose) * 0x85EBCA6Bu)),
        key1_(static_cast<std::uint32_t>(seed >> 32) ^ static_cast<std::uint32_t>(epoch >> 16 >> 16)),
        epoch_(static_cast<std::uint32_t>(epoch)),
        sample_(sample) {}

  // 32 random bits.
  CF_HOST_DEVICE constexpr std::uint32_t bits() {
    if (used_ == 4) {
      block_ = block(block_index_++);
      used_ = 0;
    }
    return block_[used_++];
  }

  // Random access: the numbers 4 index .. 4 index + 3 that bits() of a fresh stream gives.
  CF_HOST_DEVICE constexpr Philox4 block(std::uint32_t index) const {
    return philox4x32(
        {index, epoch_, static_cast<std::uint32_t>(sample_), static_cast<std::uint32_t>(sample_ >> 32)},
        key0_, key1_);
  }

  // Uniform in [0, 1), 24 bits: exact in float.
  CF_HOST_DEVICE static constexpr float uniform_of(std::uint32_t bits) {
    return static_cast<float>(bits >> 8) * 0x1p-24f;
  }
  CF_HOST_DEVICE constexpr float uniform() { return uniform_of(bits()); }
  CF_HOST_DEVICE constexpr float uniform(float low, float high) { return low + (high - low) * uniform(); }

  // Uniform integer in [0, bound), bound > 0, by multiplication (bias below bound / 2^64).
  constexpr std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t high = bits();
    const std::uint64_t random = high << 32 | bits();
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(random) * bound) >> 64);
  }

  // Standard normal (Box-Muller, one of the pair).
  float normal() {
    const float u = 1.0f - uniform();  // (0, 1]
    const float angle = 6.28318530717958648f * uniform();
    return std::sqrt(-2.0f * std::log(u)) * std::cos(angle);
  }

 private:
  std::uint32_t key0_, key1_, epoch_;
  std::uint64_t sample_;
  std::uint32_t block_index_ = 0;
  Philox4 block_{};
  int used_ = 4;
};

}  // namespace cf

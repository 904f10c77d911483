#include "data/sampler.h"

#include <algorithm>
#include <bit>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

// A hash of 32 bits in which every input bit reaches every output bit (the finaliser of MurmurHash3).
constexpr std::uint32_t scramble(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

// Stream 0 is the epoch's own, the others are those of its windows.
Philox stream(std::uint64_t seed, std::int64_t epoch, std::int64_t number) {
  return {seed, Purpose::SampleOrder, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(number)};
}

}  // namespace

Permutation::Permutation(std::int64_t bound, Philox draw)
    : bound_(static_cast<std::uint64_t>(bound)), half_bits_((std::bit_width(bound_) + 1) / 2) {
  for (auto& key : keys_) key = draw.bits();
}

// A Feistel network: a bijection of the numbers of 2 * half_bits_ bits, whatever the round function is.
std::uint64_t Permutation::permute(std::uint64_t value) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & mask;
  for (const std::uint32_t key : keys_) {
    const std::uint64_t mixed = scramble(static_cast<std::uint32_t>(right) ^ key) & mask;
    const std::uint64_t next = left ^ mixed;
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

// Walking the cycle until it comes back below the bound makes the bijection one of [0, bound); the numbers
// above are at most three quarters of all.
std::int64_t Permutation::operator()(std::int64_t number) const {
  auto value = static_cast<std::uint64_t>(number);
  do {
    value = permute(value);
  } while (value >= bound_);
  return static_cast<std::int64_t>(value);
}

EpochOrder::EpochOrder(std::int64_t size, Shuffle shuffle, std::uint64_t seed, std::int64_t epoch)
    : size_(size),
      shuffle_(shuffle),
      seed_(seed),
      epoch_(epoch),
      whole_blocks_(size / kBlock),
      permutation_(shuffle == Shuffle::Block ? whole_blocks_ : size, stream(seed, epoch, 0)) {
  CF_CHECK(size >= 0 && size < (std::int64_t{1} << 60), "an order of ", size, " samples");
  // Where blocks begin differs by epoch, and so do the samples at the end, behind the last whole block.
  if (shuffle == Shuffle::Block && size > 0) {
    Philox draw(seed, Purpose::SampleOrder, static_cast<std::uint64_t>(epoch), ~std::uint64_t{0});
    rotation_ = static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(size)));
  }
}

std::int64_t EpochOrder::operator()(std::int64_t position) const {
  CF_CHECK(position >= 0 && position < size_, "position ", position, " of ", size_);
  if (shuffle_ == Shuffle::None) return position;
  if (shuffle_ == Shuffle::Full) return permutation_(position);
  const std::int64_t window = position / kWindow, begin = window * kWindow;
  const Permutation in_window(std::min(kWindow, size_ - begin), stream(seed_, epoch_, 1 + window));
  const std::int64_t at = begin + in_window(position - begin);
  return (run_of_slot(at / kBlock).first + at % kBlock) % size_;
}

EpochOrder::Run EpochOrder::run_of_slot(std::int64_t slot) const {
  const std::int64_t block = slot < whole_blocks_ ? permutation_(slot) : whole_blocks_;
  const std::int64_t begin = block * kBlock;
  return {(rotation_ + begin) % size_, std::min(kBlock, size_ - begin)};
}

}  // namespace cf::data

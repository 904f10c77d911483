#include "data/sampler.h"

#include <bit>

#include "kernels/base/check.h"
#include "kernels/base/philox.h"

namespace cf::data {
namespace {

// A hash of 32 bits in which every input bit reaches every output bit (the finaliser of MurmurHash3).
constexpr std::uint32_t scramble(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

}  // namespace

EpochOrder::EpochOrder(std::int64_t size, bool shuffle, std::uint64_t seed, std::int64_t epoch)
    : size_(size), shuffle_(shuffle) {
  CF_CHECK(size >= 0 && size < (std::int64_t{1} << 60), "an order of ", size, " samples");
  half_bits_ = (std::bit_width(static_cast<std::uint64_t>(size)) + 1) / 2;
  Philox draw(seed, Purpose::SampleOrder, static_cast<std::uint64_t>(epoch));
  for (auto& key : keys_) key = draw.bits();
}

// A Feistel network: a bijection of the numbers of 2 * half_bits_ bits, whatever the round function is.
std::uint64_t EpochOrder::permute(std::uint64_t value) const {
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

std::int64_t EpochOrder::operator()(std::int64_t position) const {
  CF_CHECK(position >= 0 && position < size_, "position ", position, " of ", size_);
  if (!shuffle_) return position;
  // Walking the cycle until it comes back below size_ makes the bijection one of [0, size_); the numbers
  // above are at most three quarters of all.
  auto value = static_cast<std::uint64_t>(position);
  do {
    value = permute(value);
  } while (value >= static_cast<std::uint64_t>(size_));
  return static_cast<std::int64_t>(value);
}

}  // namespace cf::data

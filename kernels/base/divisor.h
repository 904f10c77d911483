// Division by a number that only the host knows beforehand, without a division.
#pragma once

#include <cstdint>

#include "kernels/base/axes.h"

namespace cf {

// Quotients of values below 2^31 by a divisor of the host's choice, by a product and a shift: with 2^s the
// next power of two, value * ceil(2^(31 + s) / divisor) / 2^(31 + s) is too large by less than 1 / divisor.
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(int divisor) : divisor_(divisor) {
    while ((std::int64_t{1} << (shift_ - 31)) < divisor) ++shift_;
    factor_ =
        static_cast<std::uint32_t>(((std::uint64_t{1} << shift_) + static_cast<std::uint32_t>(divisor) - 1) /
                                   static_cast<std::uint32_t>(divisor));
  }

  CF_HOST_DEVICE int value() const { return divisor_; }
  CF_HOST_DEVICE int quotient(int value) const {
    return static_cast<int>(std::uint64_t{static_cast<std::uint32_t>(value)} * factor_ >> shift_);
  }

 private:
  int divisor_ = 1, shift_ = 31;
  std::uint32_t factor_ = 1U << 31;
};

}  // namespace cf

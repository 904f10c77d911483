// What every place checks before it runs a dropout.
#pragma once

#include "kernels/base/check_extent.h"
#include "kernels/dropout/dropout.h"

namespace cf::kernels {

template <class T>
void check(const Dropout<T>& args) {
  constexpr std::int64_t kStreamLength = std::int64_t{1} << 34;  // numbers before a Philox stream repeats
  check_same_shape("dropout", "y", args.y, "x", args.x);
  CF_CHECK(args.x.size() <= kStreamLength, "dropout: x has I = ", args.x.size(), ", must be at most ",
           kStreamLength);
  CF_CHECK(args.draw.size() == 1, "dropout: draw has I = ", args.draw.size(), ", must be 1");
  CF_CHECK(args.probability >= 0 && args.probability < 1, "dropout: probability is ", args.probability,
           ", must be in [0, 1)");
}

}  // namespace cf::kernels

// The product of gated_linear backward on Hopper GPUs that takes the sums of gated_norm backward where it
// stores da.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/gated_linear/gated_linear.h"

namespace cf::kernels {

// By the widths alone. From 512 inputs, whose tiles have 56 pixels beside so many weights, the product and
// the sums take as long as one after the other.
constexpr bool fit_sums_at_the_store(std::int64_t inputs, std::int64_t outputs) {
  return outputs > 0 && outputs % 128 == 0 && (inputs == 128 || inputs == 192 || inputs == 256);
}

constexpr bool fits_sums_at_the_store(Activation activation) {
  return activation == Activation::None || activation == Activation::Relu;
}

// Pixels of a tile, of samples of so many; 0 where most of a sample's tiles would be empty. Two tiles of sums
// and the weights have to fit into registers.
constexpr int pixels_of_tile(std::int64_t pixels) {
  constexpr std::int64_t kSmall = 56, kLarge = 104;  // 7 x 7, and half of 14 x 14
  const std::int64_t in_small = (pixels + kSmall - 1) / kSmall * kSmall,
                     in_large = (pixels + kLarge - 1) / kLarge * kLarge;
  if (2 * pixels < in_small) return 0;
  return static_cast<int>(in_small < in_large ? kSmall : kLarge);
}

template <class T>
bool takes_sums_at_the_store(Cuda, const GatedLinearBackward<T>&);

// da into norm.dx, and the sums into what gated_norm backward keeps in its workspace.
template <class T>
void gated_linear_sums_by_wgmma(Cuda, const GatedLinearBackward<T>&, std::byte* norm_memory);

}  // namespace cf::kernels

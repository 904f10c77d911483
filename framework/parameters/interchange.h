// Parameters in PyTorch's layout, as they stand in safetensors files.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/parameters/parameter.h"

namespace cf {

// PyTorch's shape of a tensor of ours: [K,C] of a 1x1 convolution is [K,C,1,1], a filter [K,R,S,C] is
// [K,C,R,S].
std::vector<std::int64_t> interchange_shape(const Shape& shape, Interchange interchange);

// The elements of a host tensor in PyTorch's order, and back. Sizes must agree.
void to_interchange(const Tensor& ours, Interchange interchange, std::span<std::byte> out);
void from_interchange(std::span<const std::byte> in, Interchange interchange, const Tensor& ours);

}  // namespace cf

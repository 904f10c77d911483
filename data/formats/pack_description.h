// The description section of a pack, to bytes and back.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/formats/pack.h"

namespace cf::data {

std::vector<std::uint8_t> encode_description(const PackDescription& description);

// Throws a Data error if the bytes are not exactly one description.
PackDescription decode_description(std::span<const std::uint8_t> bytes);

}  // namespace cf::data

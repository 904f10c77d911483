// Alignment of addresses, and room for aligned parts in a workspace.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cf {

template <class... Pointers>
bool aligned_to(std::size_t bytes, const Pointers*... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % bytes == 0) && ...);
}

// `bytes` rounded up, so that what follows in a workspace is aligned as the workspace is.
constexpr std::size_t padded_bytes(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

}  // namespace cf

// Scratch memory of a kernel call: asked for with workspace_bytes(place, args), given in args.workspace;
// kernels never allocate. A kernel that needs scratch at a place overloads workspace_bytes beside its
// contract.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/base/place.h"

namespace cf::kernels {

using Workspace = std::span<std::byte>;

// The straight loops need none.
template <class Args>
std::size_t workspace_bytes(Reference, const Args&) {
  return 0;
}

}  // namespace cf::kernels

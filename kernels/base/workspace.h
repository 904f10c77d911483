// Scratch memory of a kernel call: asked for with workspace_bytes(place, args), given in args.workspace,
// aligned to 64 bytes at least, its contents arbitrary; kernels never allocate. A kernel that needs scratch
// at a place overloads workspace_bytes beside its contract.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/base/check.h"
#include "kernels/base/place.h"

namespace cf::kernels {

using Workspace = std::span<std::byte>;

// The straight loops need none.
template <class Args>
std::size_t workspace_bytes(Reference, const Args&) {
  return 0;
}

// Nor does a kernel on the GPU that overloads nothing better.
template <class Args>
std::size_t workspace_bytes(Cuda, const Args&) {
  return 0;
}

// The workspace as `count` elements of T starting `offset` elements in; too small a workspace is an error.
template <class T>
T* workspace_as(std::string_view kernel, Workspace workspace, std::size_t count, std::size_t offset = 0) {
  const std::size_t needed = (offset + count) * sizeof(T);
  CF_CHECK(workspace.size() >= needed, kernel, ": workspace has ", workspace.size(), " bytes, needs ",
           needed);
  return reinterpret_cast<T*>(workspace.data()) + offset;
}

}  // namespace cf::kernels

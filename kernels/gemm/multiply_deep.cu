#include "kernels/gemm/multiply_deep.h"

#include <algorithm>

#include "kernels/gemm/add_partials.h"

namespace cf::kernels {

namespace {

// How a depth is cut: `slices` of `depth` each, and the rest, which is shorter than `slices`.
struct Cut {
  static constexpr std::int64_t kTile = 64;           // rows and columns that a block computes, about
  static constexpr std::int64_t kBlocksWanted = 264;  // twice the multiprocessors of a big GPU
  static constexpr std::int64_t kLeastDepth = 256;    // of a slice

  std::int64_t slices, depth, rest;

  explicit Cut(const Gemm& g) {
    const std::int64_t tiles = (g.rows + kTile - 1) / kTile * ((g.columns + kTile - 1) / kTile);
    const auto room = static_cast<std::int64_t>(gemm_workspace_bytes(g.rows, g.columns) / sizeof(float)) /
                      (g.rows * g.columns);  // one partial product is kept for the rest
    const std::int64_t wanted = std::min({kBlocksWanted / tiles, room - 1, g.depth / kLeastDepth});
    slices = std::max<std::int64_t>(wanted, 1);
    depth = g.depth / slices;
    rest = g.depth - slices * depth;
  }
};

}  // namespace

void multiply_deep(Cuda place, const Gemm& g, Workspace workspace) {
  CF_CHECK(g.a_transposed && !g.b_transposed && g.batch == 1,
           "multiply_deep: a and b must lie as [depth, ...]");
  if (g.in != DType::Float32 || g.rows == 0 || g.columns == 0 || g.depth == 0) {
    return multiply(place, g, workspace);
  }
  const Cut cut(g);
  if (cut.slices == 1) return multiply(place, g, workspace);

  const std::int64_t size = g.rows * g.columns, partials = cut.slices + (cut.rest > 0 ? 1 : 0);
  auto* partial = workspace_as<float>("gemm", workspace, static_cast<std::size_t>(partials * size));
  Gemm part = g;
  part.result = partial;
  part.beta = 0;
  part.depth = cut.depth;
  part.batch = cut.slices;
  part.a_stride = cut.depth * g.rows;
  part.b_stride = cut.depth * g.columns;
  part.result_stride = size;
  multiply(place, part, {});
  if (cut.rest > 0) {
    part.a = static_cast<const float*>(g.a) + cut.slices * part.a_stride;
    part.b = static_cast<const float*>(g.b) + cut.slices * part.b_stride;
    part.result = partial + cut.slices * size;
    part.depth = cut.rest;
    part.batch = 1;
    multiply(place, part, {});
  }
  add_partials(place, "gemm, partial products", partial, partials, size, g.beta,
               static_cast<float*>(g.result));
}

}  // namespace cf::kernels

// Which algorithm of cuBLASLt each matrix product on the GPU runs. It is chosen at the product's first use,
// by the library's heuristic; a resumed run takes the choice from its checkpoint instead, so that it stays
// bit for bit the same even if the heuristic should answer otherwise.
#pragma once

#include <string>
#include <string_view>

namespace cf::kernels {

// The choices of this process so far, with the library's version and the GPU they hold for: a line each.
// Empty in a build without CUDA, or where none was made.
std::string gemm_algorithms();

// Makes the products named in such a text use the algorithms in it. Returns an empty string, or why they
// cannot be used here: another version of the library, another GPU, or lines of other numbers. A malformed
// text is a Checkpoint error.
std::string use_gemm_algorithms(std::string_view text);

}  // namespace cf::kernels

// A build without CUDA: no products on a GPU.
#ifndef CF_WITH_CUDA

#include "kernels/gemm/algorithm_table.h"

namespace cf::kernels {

std::string gemm_algorithms() { return {}; }

std::string use_gemm_algorithms(std::string_view text) {
  return text.empty() ? "" : "this program was built without CUDA";
}

}  // namespace cf::kernels

#endif

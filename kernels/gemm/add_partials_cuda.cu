#include "kernels/base/elementwise.cuh"
#include "kernels/gemm/add_partials.h"

namespace cf::kernels {

namespace {

template <int n>
__global__ void __launch_bounds__(kElementwiseThreads)
    add_partials_kernel(const float* partials, std::int64_t count, std::int64_t size, float beta,
                        float* sums) {
  for (std::int64_t i = thread_index() * n; i < size; i += thread_count() * n) {
    Pack<float, n> sum = {};
#pragma unroll 4
    for (std::int64_t p = 0; p < count; ++p) {
      const auto part = load_pack<float, n>(partials + p * size + i);
#pragma unroll
      for (int j = 0; j < n; ++j) sum.value[j] += part.value[j];
    }
    if (beta != 0) {
      const auto before = load_pack<float, n>(sums + i);
#pragma unroll
      for (int j = 0; j < n; ++j) sum.value[j] += beta * before.value[j];
    }
    store_pack(sums + i, sum);
  }
}

}  // namespace

void add_partials(Cuda place, std::string_view name, const float* partials, std::int64_t count,
                  std::int64_t size, float beta, float* sums) {
  dispatch_pack<float>(
      size,
      [&]<int n> {
        launch(name, add_partials_kernel<n>, flat_shape(size, n), place, partials, count, size, beta, sums);
      },
      partials, sums);
}

}  // namespace cf::kernels

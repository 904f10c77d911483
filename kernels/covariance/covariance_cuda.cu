// Mean and covariance in 16-bit types: blocks sum slices of the rows, others add the slices up and finish.
#include "kernels/base/alignment.h"
#include "kernels/base/elementwise.cuh"
#include "kernels/covariance/covariance.h"
#include "kernels/covariance/covariance_check.h"
#include "kernels/covariance/covariance_slices.cuh"

namespace cf::kernels {

namespace {

using covariance_slices::Cut;
using covariance_slices::kLanes;
using covariance_slices::pair_count;
using covariance_slices::place_of_product;
using covariance_slices::sum_products;

constexpr int kFinishLanes = 8;

// totals[i] = sum over the slices, for each of slice_floats. Block: (kLanes elements, kFinishLanes).
__global__ void __launch_bounds__(kLanes* kFinishLanes)
    add_slices_kernel(const float* partial, Cut cut, float* totals) {
  __shared__ float shared[kFinishLanes][kLanes];
  const std::int64_t i = std::int64_t{blockIdx.x} * kLanes + threadIdx.x;
  float sum = 0;
  if (i < cut.slice_floats()) {
#pragma unroll 8
    for (int slice = static_cast<int>(threadIdx.y); slice < cut.slices; slice += kFinishLanes) {
      sum += partial[slice * cut.slice_floats() + i];
    }
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || i >= cut.slice_floats()) return;
  for (int lane = 1; lane < kFinishLanes; ++lane) sum += shared[lane][threadIdx.x];
  totals[i] = sum;
}

__global__ void finish_kernel(const float* totals, Cut cut, float* mean, float* covariance) {
  const float share = 1 / static_cast<float>(cut.rows);
  const float* sums = totals + cut.product_floats();
  for (std::int64_t i = thread_index(); i < std::int64_t{cut.channels} * cut.channels; i += thread_count()) {
    const int c = static_cast<int>(i / cut.channels), k = static_cast<int>(i % cut.channels);
    const int low = min(c, k), high = max(c, k);
    const int pair = pair_count(high / cut.panel) + low / cut.panel;
    const float product = totals[std::int64_t{pair} * cut.panel * cut.panel +
                                 place_of_product(low % cut.panel, high % cut.panel, cut.panel)];
    const float value = product * share - sums[c] * share * (sums[k] * share);
    covariance[i] = c == k && value < 0 ? 0 : value;  // NaN stays NaN
    if (c == k) mean[c] = sums[c] * share;
  }
}

}  // namespace

template <class T>
void covariance(Cuda place, const Covariance<T>& a) {
  check(a);
  constexpr auto kName = "covariance";
  const Cut cut(a.x.template extent<M>().value, a.x.template extent<C>().value);
  CF_CHECK_AS(ErrorKind::Usage, cut.channels % 8 == 0, kName, ": x has C=", cut.channels,
              ", the GPU takes multiples of 8");
  CF_CHECK(aligned_to(16, a.x.data()), kName, ": x must be aligned to 16 bytes");
  float* partial = workspace_as<float>(kName, a.workspace, workspace_bytes(place, a) / sizeof(float));
  float* totals = partial + cut.slices * cut.slice_floats();
  if (cut.panel == 32) {
    sum_products<T, 32, true>(place, a.x.data(), cut, partial);
  } else if (cut.panels == 1) {
    sum_products<T, 64, true>(place, a.x.data(), cut, partial);
  } else {
    sum_products<T, 64, false>(place, a.x.data(), cut, partial);
  }
  launch("covariance, slices", add_slices_kernel,
         {.grid = static_cast<unsigned>((cut.slice_floats() + kLanes - 1) / kLanes),
          .block = dim3(kLanes, kFinishLanes)},
         place, partial, cut, totals);
  launch("covariance, finish", finish_kernel, flat_shape(a.covariance.size(), 1), place, totals, cut,
         a.mean.data(), a.covariance.data());
}

template <class T>
std::size_t workspace_bytes(Cuda, const Covariance<T>& a) {
  const Cut cut(a.x.template extent<M>().value, a.x.template extent<C>().value);
  return static_cast<std::size_t>((cut.slices + 1) * cut.slice_floats()) * sizeof(float);
}

#define CF_INSTANTIATE(T)                               \
  template void covariance(Cuda, const Covariance<T>&); \
  template std::size_t workspace_bytes(Cuda, const Covariance<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

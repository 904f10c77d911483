// One block for each output channel.
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/fold_norm/fold_norm.h"
#include "kernels/fold_norm/fold_norm_check.h"

namespace cf::kernels {

namespace {

constexpr int kThreads = 128;

template <class T>
__global__ void __launch_bounds__(kThreads) fold_norm_kernel(FoldNorm<T> a) {
  const K k{blockIdx.x};
  const float scale = a.gamma(k) / sqrtf(a.variance(k) + a.eps);
  const auto depth = a.weight.template extent<I>();
  for (I i{threadIdx.x}; i < depth; i = i + kThreads) a.folded(k, i) = from_float<T>(scale * a.weight(k, i));
  if (threadIdx.x == 0) a.shift(k) = a.bias(k) - a.mean(k) * scale;
}

}  // namespace

template <class T>
void fold_norm(Cuda place, const FoldNorm<T>& a) {
  check(a);
  const auto channels = static_cast<unsigned>(a.weight.template extent<K>().value);
  launch("fold_norm", fold_norm_kernel<T>, {.grid = channels, .block = kThreads}, place, a);
}

#define CF_INSTANTIATE(T) template void fold_norm(Cuda, const FoldNorm<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels

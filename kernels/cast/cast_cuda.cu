#include "kernels/base/check_extent.h"
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/cast/cast.h"

namespace cf::kernels {

namespace {

constexpr int kBlock = 256;

template <class T>
__global__ void cast_kernel(const float* x, T* y, std::int64_t size) {
  const std::int64_t stride = std::int64_t{gridDim.x} * kBlock;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kBlock + threadIdx.x; i < size; i += stride) {
    y[i] = from_float<T>(x[i]);
  }
}

template <class T>
__global__ void widen_kernel(const T* x, float* y, std::int64_t size) {
  const std::int64_t stride = std::int64_t{gridDim.x} * kBlock;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kBlock + threadIdx.x; i < size; i += stride) {
    y[i] = to_float(x[i]);
  }
}

}  // namespace

template <class T>
void cast(Cuda place, const Cast<T>& args) {
  check_extent<I>("cast", "x", args.x, "y", args.y);
  launch("cast", cast_kernel<T>, {.grid = grid_for(args.x.size(), kBlock), .block = kBlock}, place,
         args.x.data(), args.y.data(), args.x.size());
}

template void cast(Cuda, const Cast<float>&);
template void cast(Cuda, const Cast<Half>&);
template void cast(Cuda, const Cast<BFloat16>&);

template <class T>
void cast(Cuda place, const Widen<T>& args) {
  check_extent<I>("cast", "x", args.x, "y", args.y);
  launch("widen", widen_kernel<T>, {.grid = grid_for(args.x.size(), kBlock), .block = kBlock}, place,
         args.x.data(), args.y.data(), args.x.size());
}

template void cast(Cuda, const Widen<float>&);
template void cast(Cuda, const Widen<Half>&);
template void cast(Cuda, const Widen<BFloat16>&);

}  // namespace cf::kernels

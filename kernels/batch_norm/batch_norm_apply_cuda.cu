// y = activation(scale x + shift)
#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/base/elementwise.cuh"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm_check.h"

namespace cf::kernels {

namespace {

template <class T, Activation kActivation, int n>
__global__ void apply_kernel(const T* x, const float* scale, const float* shift, T* y, std::int64_t rows,
                             std::int64_t channels) {
  const ChannelWalk walk = channel_walk<n>(channels, rows);
  float scales[n], shifts[n];
  load_floats(scale + walk.channel, scales);
  load_floats(shift + walk.channel, shifts);
  for (std::int64_t row = walk.first_row; row < rows; row += walk.stride) {
    const std::int64_t first = row * channels + walk.channel;
    auto pack = load_pack<T, n>(x + first);
#pragma unroll
    for (int j = 0; j < n; ++j) {
      const float h = scales[j] * to_float(pack.value[j]) + shifts[j];
      pack.value[j] = from_float<T>(device::activate<kActivation>(h));
    }
    store_pack(y + first, pack);
  }
}

}  // namespace

template <class T>
void batch_norm(Cuda place, const BatchNormApply<T>& args) {
  check(args);
  const std::int64_t rows = args.x.template extent<M>().value, channels = args.x.template extent<C>().value;
  if (args.x.size() == 0) return;
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    const auto run = [&]<int n> {
      launch("batch_norm_apply", apply_kernel<T, kActivation, n>,
             {.grid = dim3(channel_walk_blocks(rows, channels, n)), .block = dim3(kElementwiseThreads)},
             place, args.x.data(), args.scale.data(), args.shift.data(), args.y.data(), rows, channels);
    };
    dispatch_pack<T>(channels, run, args.x.data(), args.y.data(), args.scale.data(), args.shift.data());
  });
}

template void batch_norm(Cuda, const BatchNormApply<float>&);
template void batch_norm(Cuda, const BatchNormApply<Half>&);
template void batch_norm(Cuda, const BatchNormApply<BFloat16>&);

}  // namespace cf::kernels

#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/base/check_extent.h"
#include "kernels/base/elementwise.cuh"

namespace cf::kernels {

namespace {

template <class T, Activation kActivation, int n>
__global__ void activation_forward_kernel(const T* x, T* y, std::int64_t size) {
  for_each_pack_of_thread<n>(size, [&]<int count>(std::int64_t first) {
    auto pack = load_pack<T, count>(x + first);
#pragma unroll
    for (T& value : pack.value) value = from_float<T>(device::activate<kActivation>(to_float(value)));
    store_pack(y + first, pack);
  });
}

template <class T, Activation kActivation, int n>
__global__ void activation_backward_kernel(const T* x, const T* dy, T* dx, std::int64_t size) {
  for_each_pack_of_thread<n>(size, [&]<int count>(std::int64_t first) {
    const auto input = load_pack<T, count>(x + first);
    auto pack = load_pack<T, count>(dy + first);
#pragma unroll
    for (int j = 0; j < count; ++j) {
      pack.value[j] = from_float<T>(
          device::activation_gradient<kActivation>(to_float(input.value[j]), to_float(pack.value[j])));
    }
    store_pack(dx + first, pack);
  });
}

}  // namespace

template <class T>
void activation(Cuda place, const ActivationForward<T>& args) {
  check_same_shape("activation", "y", args.y, "x", args.x);
  const std::int64_t size = args.x.size();
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    const auto run = [&]<int n> {
      launch("activation_forward", activation_forward_kernel<T, kActivation, n>, flat_shape(size, n), place,
             args.x.data(), args.y.data(), size);
    };
    dispatch_pack<T>(0, run, args.x.data(), args.y.data());
  });
}

template <class T>
void activation(Cuda place, const ActivationBackward<T>& args) {
  check_same_shape("activation", "dy", args.dy, "x", args.x);
  check_same_shape("activation", "dx", args.dx, "x", args.x);
  const std::int64_t size = args.x.size();
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    const auto run = [&]<int n> {
      launch("activation_backward", activation_backward_kernel<T, kActivation, n>, flat_shape(size, n), place,
             args.x.data(), args.dy.data(), args.dx.data(), size);
    };
    dispatch_pack<T>(0, run, args.x.data(), args.dy.data(), args.dx.data());
  });
}

#define CF_INSTANTIATE(T)                                      \
  template void activation(Cuda, const ActivationForward<T>&); \
  template void activation(Cuda, const ActivationBackward<T>&)

CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

}  // namespace cf::kernels

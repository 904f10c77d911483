#include "kernels/activation/activation_cpu.h"
#include "kernels/activation/activation.h"
#include "kernels/base/check_extent.h"
#include "kernels/base/parallel.h"

namespace cf::kernels {

namespace {
constexpr std::int64_t kGrain = 4096;
constexpr double kNanoseconds = 0.3;  // per element
}  // namespace

void activation(Cpu place, const ActivationForward<float>& args) {
  check_same_shape("activation", "y", args.y, "x", args.x);
  const float* x = args.x.data();
  float* y = args.y.data();
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    parallel(place, args.x.size(), kGrain, kNanoseconds, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) y[i] = activate<kActivation>(x[i]);
    });
  });
}

void activation(Cpu place, const ActivationBackward<float>& args) {
  check_same_shape("activation", "dy", args.dy, "x", args.x);
  check_same_shape("activation", "dx", args.dx, "x", args.x);
  const float* x = args.x.data();
  const float* dy = args.dy.data();
  float* dx = args.dx.data();
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    parallel(place, args.x.size(), kGrain, kNanoseconds, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) dx[i] = activation_gradient<kActivation>(x[i], dy[i]);
    });
  });
}

}  // namespace cf::kernels

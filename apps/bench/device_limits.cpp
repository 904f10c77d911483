#include "apps/bench/device_limits.h"

#include <unistd.h>

#include <algorithm>

#include "apps/bench/repeated_values.h"
#include "apps/bench/timing.h"
#include "apps/doctor/gpu.h"
#include "kernels/activation/activation.h"
#include "kernels/linear/linear.h"

namespace cf::apps {

namespace {

constexpr TimingOptions kLimitTiming{
    .samples = 20, .sample_seconds = 2e-3, .warmup_seconds = 0.05, .most_seconds = 1};

// The kernel that copies: memcpy would use one thread of a CPU, and on a GPU it is the slower of the two.
double copy_rate(Executor& executor) {
  const I size{executor.stream() ? std::int64_t{1} << 28 : std::int64_t{1} << 25};  // 1 GiB, 128 MiB
  const Tensor from = normal_tensor(executor, DType::Float32, Shape(size));
  const Tensor to = executor.zeros(DType::Float32, Shape(size));
  const Timing timing = time_runs(executor, 1, kLimitTiming, [&](std::int64_t) {
    executor.at(DType::Float32, [&]<class T>(auto place) {
      kernels::activation(
          place, kernels::ActivationForward<T>{
                     .x = from.flat<const T>(), .activation = kernels::Activation::None, .y = to.flat<T>()});
    });
  });
  return 2 * static_cast<double>(from.size_bytes()) / timing.seconds.median;
}

double matrix_rate(Executor& executor, DType type) {
  const std::int64_t side = executor.stream() ? 8192 : 768;
  const Tensor x = normal_tensor(executor, type, Shape(M{side}, C{side}));
  const Tensor weight = normal_tensor(executor, type, Shape(K{side}, C{side}));
  const Tensor y = executor.empty(type, Shape(M{side}, K{side}));
  const Timing timing = time_runs(executor, 1, kLimitTiming, [&](std::int64_t) {
    executor.at(type, [&]<class T>(auto place) {
      executor.with_workspace(place,
                              kernels::LinearForward<T>{.x = x.view<const T, M, C>(),
                                                        .weight = weight.view<const T, K, C>(),
                                                        .bias = {},
                                                        .y = y.view<T, M, K>(),
                                                        .workspace = {}},
                              [](auto at, const auto& args) { kernels::linear(at, args); });
    });
  });
  const auto n = static_cast<double>(side);
  return 2 * n * n * n / timing.seconds.median;
}

GpuFacts::Gpu gpu_of(const Executor& executor) {
  const auto gpus = examine_gpus().gpus;
  const auto index = static_cast<std::size_t>(executor.pool().device().index);
  CF_CHECK_AS(ErrorKind::Device, index < gpus.size(), "the driver lists ", gpus.size(), " GPUs, number ",
              index, " computes");
  return gpus[index];
}

}  // namespace

double DeviceLimits::seconds(double flops, double bytes) const {
  return std::max(flops / flops_per_second, bytes / bytes_per_second);
}

DeviceLimits measure_limits(Executor& executor, DType matrix_type) {
  return {.bytes_per_second = copy_rate(executor),
          .flops_per_second = matrix_rate(executor, matrix_type),
          .matrix_type = matrix_type};
}

std::int64_t last_cache_bytes(const Executor& executor) {
  constexpr std::int64_t kUsual = 64 << 20;  // where the system does not say
  const std::int64_t bytes = executor.pool().device().kind == DeviceKind::Gpu
                                 ? gpu_of(executor).l2_bytes
                                 : std::int64_t{sysconf(_SC_LEVEL3_CACHE_SIZE)};
  return bytes > 0 ? bytes : kUsual;
}

}  // namespace cf::apps

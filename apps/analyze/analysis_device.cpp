#include "apps/analyze/analysis_device.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/bench/named_gpu.h"
#include "apps/execution/device_name.h"

namespace cf::apps {

namespace {

AnalysisDevice device_at_hand(const AnalysisDeviceOptions& options, PrecisionConfig precision) {
  precision.compute = options.precision;
  auto executor = make_executor(options.device, precision);
  const DType type = executor->compute_type();
  AnalysisDevice device{.name = device_name(*executor),
                        .source = "measured",
                        .route = layers::route_device(*executor, type),
                        .limits = {.matrix_type = type},
                        .executor = nullptr};
  if (!options.peak || !options.bandwidth) device.limits = measure_limits(*executor, type);
  device.executor = std::move(executor);
  return device;
}

AnalysisDevice device_on_paper(const AnalysisDeviceOptions& options) {
  const NamedGpu& gpu = named_gpu(options.gpu);
  return {.name = std::string(gpu.name),
          .source = "data sheet",
          .route = route_device(gpu, options.precision),
          .limits = gpu.limits,
          .executor = nullptr};
}

}  // namespace

void check_rate(std::string_view option, std::optional<double> rate, std::string_view unit) {
  CF_CHECK_AS(ErrorKind::Usage, !rate || (*rate > 0 && std::isfinite(*rate)), option, " is ",
              rate.value_or(0), "; allowed: more than 0 ", unit);
}

void add_analysis_device_options(CommandLine& line, AnalysisDeviceOptions& options) {
  line.option(
      "gpu", &options.gpu, "NAME",
      "on paper for A5000, A100, H100, H200 or RTX4090, by its data sheet, not for the device at hand");
  line.option("precision", &options.precision, "auto|float32|bf16|fp16",
              "of activations; auto: bf16 on a GPU, float32 on a CPU");
  line.option("peak", &options.peak, "TFLOP/s", "rate of arithmetic to hold it against, not the device's");
  line.option("bandwidth", &options.bandwidth, "TB/s", "rate of memory to hold it against, not the device's");
  add_device_options(line, options.device);
}

std::string AnalysisDevice::text() const {
  return fmt::format("{} ({}: {:.4g} TFLOP/s, {:.3g} TB/s)", name, source, 1e-12 * limits.flops_per_second,
                     1e-12 * limits.bytes_per_second);
}

AnalysisDevice find_device(const AnalysisDeviceOptions& options, const PrecisionConfig& configured) {
  check_rate("--peak", options.peak, "TFLOP/s");
  check_rate("--bandwidth", options.bandwidth, "TB/s");
  AnalysisDevice device =
      options.gpu.empty() ? device_at_hand(options, configured) : device_on_paper(options);
  if (options.peak) device.limits.flops_per_second = 1e12 * *options.peak;
  if (options.bandwidth) device.limits.bytes_per_second = 1e12 * *options.bandwidth;
  if (options.peak && options.bandwidth) device.source = "given";
  if (options.peak.has_value() != options.bandwidth.has_value()) device.source += " and given";
  return device;
}

}  // namespace cf::apps

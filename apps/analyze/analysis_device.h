// The device that an analysis is for: the one at hand, measured, or a GPU by its data sheet.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apps/bench/device_limits.h"
#include "apps/execution/make_executor.h"
#include "layers/route.h"

namespace cf::apps {

struct AnalysisDeviceOptions {
  std::string gpu;  // of a data sheet; empty: the device at hand
  std::string precision = "auto";
  std::optional<double> peak, bandwidth;  // TFLOP/s, TB/s in the place of the device's
  DeviceOptions device;
};

// A rate given on the command line that is not a number above 0 is a Usage error.
void check_rate(std::string_view option, std::optional<double> rate, std::string_view unit);

void add_analysis_device_options(CommandLine& line, AnalysisDeviceOptions& options);

struct AnalysisDevice {
  std::string name;    // "H100"
  std::string source;  // of the limits: "data sheet", "measured", "given"
  layers::RouteDevice route;
  DeviceLimits limits;
  std::unique_ptr<Executor> executor;  // null where the device is on paper

  // Operations for each byte at which arithmetic and memory take equally long: the roofline's ridge.
  double ridge() const { return limits.flops_per_second / limits.bytes_per_second; }
  // "H100 (data sheet: 989.4 TFLOP/s, 3.35 TB/s)"
  std::string text() const;
};

// Unknown names and precisions are Usage errors that list what there is.
AnalysisDevice find_device(const AnalysisDeviceOptions& options, const PrecisionConfig& configured);

}  // namespace cf::apps

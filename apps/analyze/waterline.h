// What `analyze waterline` found, and how it is shown.
#pragma once

#include <string>

#include "apps/analyze/analysis_device.h"
#include "apps/analyze/kernel_sequence.h"
#include "apps/config/config.h"

namespace cf::apps {

struct Waterline {
  std::string model;
  bool training = false;  // all passes of a step; else inference
  int batch = 0, size = 0;
  AnalysisDevice device;
  KernelSequence layer_wise, fused;  // the same parts in both
};

// The kernels of both, on paper; on a device at hand those of inference are run and timed too.
Waterline analyze_waterline(Config config, bool training, int batch, int size, AnalysisDevice device);

// Takes the measured time from rows of `bench infer --json` or `bench train --json` (measured_rows.h): that
// of a row whose "how" is "layer-wise" for the layer-wise kernels, others for the fused ones. A row of
// another batch, size or network is a Usage error.
void add_measured(Waterline& waterline, const Config& config, const std::string& file);

void print_text(const Waterline& waterline);
void print_json(const Waterline& waterline);

// Operational intensity of each kernel over the time that it takes, with the ridge as the waterline,
// layer-wise and fused; and all of them below the device's roofline.
std::string waterline_svg(const Waterline& waterline);

}  // namespace cf::apps

// `analyze waterline` as SVG.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/analyze/waterline.h"
#include "apps/console/format.h"
#include "apps/plot/chart.h"

namespace cf::apps {

namespace {

using layers::KernelCost;

constexpr double kLeastIntensity = 0.1;  // where passes without a product are drawn

std::string bar_text(const KernelCost& kernel, const DeviceLimits& limits) {
  return fmt::format("{}: {:.1f} FLOP/B, {}MACs, {}B, {:.2f} us, e {}", kernel.name, kernel.intensity(),
                     format_quantity(kernel.macs), format_quantity(kernel.bytes),
                     1e6 * predicted_seconds(kernel, limits),
                     format_percent(attainable_efficiency(kernel, limits), 1));
}

// Over `most` seconds, the longer of both, so that their lengths can be compared.
Chart intensity_chart(const Waterline& w, const KernelSequence& sequence, double most) {
  const SequenceTotal total = total_of(sequence, w.device.limits);
  std::string title = fmt::format("{}: {:.3f} ms, attainable e {}", sequence.name, 1e3 * total.seconds,
                                  format_percent(total.attainable(), 1));
  if (sequence.measured > 0) {
    title += fmt::format("; measured {:.3f} ms, e {}", 1e3 * sequence.measured,
                         format_percent(total.achieved(sequence.measured), 1));
  }
  Chart chart{.title = std::move(title),
              .x_label = "predicted time, us; bar: FLOP/B of a kernel, orange where it waits for memory",
              .series = {{.name = fmt::format("waterline {:.1f} FLOP/B", w.device.ridge()),
                          .style = "eval",
                          .points = {{0, w.device.ridge()}, {1e6 * most, w.device.ridge()}},
                          .legend = ChartLegend::Name}},
              .y_scale = ChartScale::Log};
  double at = 0;
  for (const SequencePart& part : sequence.parts) {
    for (const KernelCost& kernel : part.kernels) {
      const double seconds = predicted_seconds(kernel, w.device.limits);
      chart.bars.push_back({.from = 1e6 * at,
                            .to = 1e6 * (at + seconds),
                            .y = std::max(kernel.intensity(), kLeastIntensity),
                            .style = is_bound_by_memory(kernel, w.device.limits) ? "ema" : "second",
                            .text = bar_text(kernel, w.device.limits)});
      at += seconds;
    }
  }
  return chart;
}

ChartSeries roofline_dots(const KernelSequence& sequence, const DeviceLimits& limits, std::string style) {
  ChartSeries dots{.name = sequence.name,
                   .style = std::move(style),
                   .points = {},
                   .markers = true,
                   .line = false,
                   .legend = ChartLegend::Name};
  for (const SequencePart& part : sequence.parts) {
    for (std::size_t i = 0; i < part.kernels.size(); ++i) {
      const KernelCost& kernel = part.kernels[i];
      const double seconds = part.measured.empty() ? predicted_seconds(kernel, limits) : part.measured[i];
      if (kernel.intensity() < kLeastIntensity) continue;
      dots.points.push_back({kernel.intensity(), 2e-12 * kernel.macs / seconds});
    }
  }
  return dots;
}

// Achieved rates where kernels were measured, else attainable ones, which lie on the roof.
Chart roofline_chart(const Waterline& w) {
  const double peak = 1e-12 * w.device.limits.flops_per_second,
               bandwidth = 1e-12 * w.device.limits.bytes_per_second, ridge = w.device.ridge();
  Chart chart{.title = "Roofline: TFLOP/s over FLOP/B",
              .x_label = w.device.text(),
              .series = {{.name = fmt::format("roof, ridge at {:.1f} FLOP/B", ridge),
                          .style = "eval",
                          .points = {{kLeastIntensity, kLeastIntensity * bandwidth},
                                     {ridge, peak},
                                     {std::max(10 * ridge, 1000.0), peak}},
                          .legend = ChartLegend::Name}},
              .x_scale = ChartScale::Log,
              .y_scale = ChartScale::Log};
  chart.series.push_back(roofline_dots(w.layer_wise, w.device.limits, "ema"));
  chart.series.push_back(roofline_dots(w.fused, w.device.limits, "second"));
  return chart;
}

}  // namespace

std::string waterline_svg(const Waterline& w) {
  const double most =
      std::max(total_of(w.layer_wise, w.device.limits).seconds, total_of(w.fused, w.device.limits).seconds);
  return charts_svg_file(
      {intensity_chart(w, w.layer_wise, most), intensity_chart(w, w.fused, most), roofline_chart(w)});
}

}  // namespace cf::apps

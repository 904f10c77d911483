// `analyze gap`: for each measured row the ideal latency, at computational efficiency 1, and the actual one.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/analyze/analysis_device.h"
#include "apps/analyze/analyze_commands.h"
#include "apps/analyze/measured_rows.h"
#include "apps/bench/named_gpu.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/console/json_text.h"
#include "apps/plot/chart.h"
#include "apps/plot/output_file.h"

namespace cf::apps {

namespace {

struct GapRow {
  MeasuredRow measured;
  double flops_per_second;  // of the device at most
  std::string peak_source;

  // Seconds for an image.
  double actual() const { return measured.seconds / measured.batch; }
  double ideal() const { return measured.flops() / measured.batch / flops_per_second; }
  double efficiency() const { return ideal() / actual(); }
};

struct GapOptions {
  std::vector<std::string> files;
  std::string gpu, y = "auto", svg;
  std::optional<double> peak;  // TFLOP/s
  bool json = false;
};

GapRow gap_row(MeasuredRow row, const GapOptions& options) {
  if (options.peak) return {std::move(row), 1e12 * *options.peak, "given"};
  const NamedGpu* gpu = options.gpu.empty() ? gpu_of_device(row.device) : &named_gpu(options.gpu);
  CF_CHECK_AS(ErrorKind::Usage, gpu != nullptr, row.file, ": the peak rate of the device '", row.device,
              "' is not known; give --peak TFLOP/s, or --gpu NAME");
  CF_CHECK_AS(ErrorKind::Usage, row.precision != name_of(DType::Float32), row.file,
              ": the row is of float32, data sheets are for 16 bits; give --peak TFLOP/s");
  return {std::move(row), gpu->limits.flops_per_second, concat(gpu->name, " data sheet")};
}

// By actual latency.
std::vector<GapRow> read_rows(const GapOptions& options) {
  std::vector<GapRow> rows;
  for (const std::string& file : options.files) {
    for (MeasuredRow& row : read_measured_rows(file)) rows.push_back(gap_row(std::move(row), options));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const GapRow& a, const GapRow& b) { return a.actual() < b.actual(); });
  return rows;
}

// Whether accuracy is drawn, not multiply-accumulates.
bool draws_accuracy(const std::vector<GapRow>& rows, const GapOptions& options) {
  const auto without =
      std::find_if(rows.begin(), rows.end(), [](const GapRow& row) { return !row.measured.top1; });
  if (options.y != "accuracy") return options.y == "auto" && without == rows.end();
  CF_CHECK_AS(ErrorKind::Usage, without == rows.end(), "--y accuracy: ", without->measured.label, " (",
              without->measured.file, ") has no top1; append `convfirst eval --json` to the file");
  return true;
}

Chart gap_chart(const std::vector<GapRow>& rows, bool accuracy) {
  Chart chart{.title = concat("Efficiency gap: ", accuracy ? "top-1" : "GMACs an image",
                              " over latency, ideal and actual"),
              .x_label = "us an image",
              .series = {},
              .unit = accuracy ? ChartUnit::Percent : ChartUnit::Number,
              .x_scale = ChartScale::Log,
              .y_scale = accuracy ? ChartScale::Linear : ChartScale::Log};
  const auto dots = [](std::string name, std::string style) {
    return ChartSeries{.name = std::move(name),
                       .style = std::move(style),
                       .points = {},
                       .markers = true,
                       .line = false,
                       .legend = ChartLegend::Name};
  };
  ChartSeries ideal = dots("ideal, e = 1", "second"), actual = dots("actual", "ema");
  for (const GapRow& row : rows) {
    const double y = accuracy ? *row.measured.top1 : 1e-9 * row.measured.macs_of_image;
    chart.series.push_back({.name = row.measured.label,
                            .style = "train",
                            .points = {{1e6 * row.ideal(), y}, {1e6 * row.actual(), y}},
                            .legend = ChartLegend::None});
    ideal.points.push_back({1e6 * row.ideal(), y});
    actual.points.push_back(
        {1e6 * row.actual(), y,
         fmt::format("{}, e {}", row.measured.label, format_percent(row.efficiency(), 1))});
  }
  chart.series.push_back(std::move(ideal));
  chart.series.push_back(std::move(actual));
  return chart;
}

void print_text(const std::vector<GapRow>& rows) {
  std::size_t width = 5;
  for (const GapRow& row : rows) width = std::max(width, row.measured.label.size());
  constexpr const char* kRow = "{:<{}} {:>6} {:>6} {:>8} {:>8} {:>10} {:>10} {:>8} {:>7}  {}\n";
  fmt::print(kRow, "row", width, "bench", "batch", "MACs", "top1", "ideal us", "actual us", "gap", "e",
             "peak");
  for (const GapRow& row : rows) {
    const MeasuredRow& m = row.measured;
    fmt::print(kRow, m.label, width, m.bench, m.batch, format_quantity(m.macs_of_image),
               m.top1 ? format_percent(*m.top1) : "-", fmt::format("{:.3f}", 1e6 * row.ideal()),
               fmt::format("{:.3f}", 1e6 * row.actual()), fmt::format("{:.2f}x", row.actual() / row.ideal()),
               format_percent(row.efficiency(), 1),
               fmt::format("{:.4g} TFLOP/s, {}", 1e-12 * row.flops_per_second, row.peak_source));
  }
  fmt::print(
      "\nideal: the time of an image at e = 1, 2 operations for each multiply-accumulate over the peak\n");
}

void print_json(const std::vector<GapRow>& rows) {
  nlohmann::ordered_json out = {{"analyze", "gap"}, {"rows", nlohmann::ordered_json::array()}};
  for (const GapRow& row : rows) {
    nlohmann::ordered_json entry = {{"label", row.measured.label},
                                    {"file", row.measured.file},
                                    {"model", row.measured.model},
                                    {"bench", row.measured.bench},
                                    {"device", row.measured.device},
                                    {"batch", row.measured.batch},
                                    {"macs_per_image", row.measured.macs_of_image},
                                    {"peak_flops_per_second", row.flops_per_second},
                                    {"ideal_seconds_per_image", row.ideal()},
                                    {"actual_seconds_per_image", row.actual()},
                                    {"efficiency", row.efficiency()}};
    if (row.measured.top1) entry["top1"] = *row.measured.top1;
    out["rows"].push_back(std::move(entry));
  }
  fmt::print("{}\n", json_text(out, 2));
}

}  // namespace

int run_analyze_gap(const Command& command, const Arguments& arguments) {
  GapOptions options;
  CommandLine line(command);
  line.positional("FILE", &options.files,
                  "what `bench infer --json` printed, with `eval --json` appended for the accuracy");
  line.option(
      "gpu", &options.gpu, "NAME",
      "data sheet with the peak rate: A5000, A100, H100, H200, RTX4090; that of the row's device, if not "
      "given");
  line.option("peak", &options.peak, "TFLOP/s", "the peak rate itself");
  line.option("y", &options.y, "auto|accuracy|macs", "what is drawn; auto: accuracy where all rows have it");
  line.option("out,o", &options.svg, "FILE.svg", "draw it too");
  line.flag("json", &options.json, "print JSON");
  if (!line.parse(arguments)) return 0;
  check_rate("--peak", options.peak, "TFLOP/s");
  CF_CHECK_AS(ErrorKind::Usage, options.y == "auto" || options.y == "accuracy" || options.y == "macs",
              "--y is '", options.y, "', must be auto, accuracy or macs");
  const std::vector<GapRow> rows = read_rows(options);
  const bool accuracy = draws_accuracy(rows, options);
  if (options.json) {
    print_json(rows);
  } else {
    print_text(rows);
  }
  if (!options.svg.empty()) {
    write_output_file(options.svg, charts_svg_file({gap_chart(rows, accuracy)}));
    std::fputs((options.svg + " written\n").c_str(), stderr);
  }
  return 0;
}

}  // namespace cf::apps

#include "apps/bench/bench_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "apps/bench/block_sweep.h"
#include "apps/bench/fusion_limit.h"
#include "apps/execution/device_name.h"
#include "apps/number_list.h"
#include "apps/version.h"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::apps {

namespace {

void set_list(std::vector<int>& list, const char* option, const std::string& text,
              const std::string& must_be) {
  if (text.empty()) return;
  list = parse_numbers(option, text, must_be);
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

SweepGrid grid_of(const SweepOptions& options, const Executor& executor) {
  SweepGrid grid = default_grid(executor);
  const std::string multiples = fmt::format("multiples of {} such as 16,32,64", kernels::kGroupWidth);
  set_list(grid.widths, "--widths", options.widths, multiples);
  for (const int width : grid.widths) {
    CF_CHECK_AS(ErrorKind::Usage, width % kernels::kGroupWidth == 0, "--widths is '", options.widths,
                "', must be ", multiples);
  }
  set_list(grid.expansions, "--expansions", options.expansions, "whole numbers such as 4,6");
  set_list(grid.sizes, "--sizes", options.sizes, "pixels such as 14,28");
  set_list(grid.batches, "--batches", options.batches, "images such as 1,128");
  return grid;
}

// --- the width where fusion stops paying

struct FusionLimit {
  BlockCase shape;  // of any width
  std::vector<WidthTimes> predicted, measured;
};

// One for each kind, batch, size and expansion.
std::vector<FusionLimit> fusion_limits(const std::vector<SweepResult>& results) {
  std::vector<FusionLimit> limits;
  for (const SweepResult& r : results) {
    if (!r.fused) continue;
    const auto group = [](const BlockCase& s) { return std::tie(s.kind, s.n, s.side, s.expansion); };
    if (limits.empty() || group(limits.back().shape) != group(r.shape)) limits.push_back({.shape = r.shape});
    limits.back().predicted.push_back({r.shape.channels, r.layers.predicted, r.fused->predicted});
    limits.back().measured.push_back(
        {r.shape.channels, r.layers.timing.seconds.median, r.fused->timing.seconds.median});
  }
  return limits;
}

std::string limit_text(const std::vector<WidthTimes>& widths) {
  const auto stop = width_where_fusion_stops(widths);
  if (!stop) return fmt::format("pays up to C={}, the widest", widths.back().width);
  if (*stop == widths.front().width) return "pays at no width";
  return fmt::format("stops paying at C={}", *stop);
}

// --- text

void print_heading(const std::string& device, const DeviceLimits& limits, bool training) {
  fmt::print("device     {}\n", device);
  fmt::print("limits     copy {:.1f} GB/s, matrix products in {} {:.2f} TFLOP/s; measured now\n",
             1e-9 * limits.bytes_per_second, name_of(limits.matrix_type), 1e-12 * limits.flops_per_second);
  fmt::print("blocks     {}; microseconds; ratio: measured over predicted\n\n",
             training ? "forward and backward in training" : "inference, norms folded");
  fmt::print("{:<10} {:>4} {:>4} {:>8} {:>6}  {:>31}  {:>31}  {:>6}\n", "", "", "", "", "",
             "layer by layer            ", "fused              ", "");
  fmt::print("{:<10} {:>4} {:>4} {:>8} {:>6}  {:>11} {:>11} {:>7}  {:>11} {:>11} {:>7}  {:>6}\n", "block",
             "C", "exp", "pixels", "batch", "predicted", "measured", "ratio", "predicted", "measured",
             "ratio", "gain");
}

std::string time_text(const SweepTime& time) {
  return fmt::format("{:>11.2f} {:>11.2f} {:>7.2f}", 1e6 * time.predicted, 1e6 * time.timing.seconds.median,
                     time.ratio());
}

void print_row(const SweepResult& r) {
  const BlockCase& s = r.shape;
  fmt::print("{:<10} {:>4} {:>4} {:>8} {:>6}  {}  ", s.kind, s.channels, s.expansion,
             fmt::format("{}x{}", s.side, s.side), s.n, time_text(r.layers));
  if (r.fused) {
    fmt::print("{}  {:>6.2f}\n", time_text(*r.fused),
               r.layers.timing.seconds.median / r.fused->timing.seconds.median);
  } else {
    fmt::print("not fused: {}\n", r.why_not_fused);
  }
  std::fflush(stdout);
}

void print_limits(const std::vector<FusionLimit>& limits) {
  fmt::print("\n");
  for (const FusionLimit& limit : limits) {
    const BlockCase& s = limit.shape;
    fmt::print("{} expansion {}, {}x{}, batch {}: fusion {}; predicted: {}\n", s.kind, s.expansion, s.side,
               s.side, s.n, limit_text(limit.measured), limit_text(limit.predicted));
  }
}

// --- JSON

nlohmann::ordered_json as_json(const SweepTime& time) {
  nlohmann::ordered_json out = {{"predicted_seconds", time.predicted},
                                {"seconds", as_json(time.timing.seconds)},
                                {"ratio", time.ratio()},
                                {"graph", time.timing.in_graph},
                                {"copies", time.copies}};
  if (time.kernels > 0) out["kernels"] = time.kernels;
  return out;
}

nlohmann::ordered_json key_of(const BlockCase& s) {
  return {{"block", s.kind}, {"expansion", s.expansion}, {"size", s.side}, {"batch", s.n}};
}

nlohmann::ordered_json as_json(const SweepResult& r) {
  auto out = key_of(r.shape);
  out["width"] = r.shape.channels;
  out["layers"] = as_json(r.layers);
  if (r.fused) {
    out["fused"] = as_json(*r.fused);
  } else {
    out["why_not_fused"] = r.why_not_fused;
  }
  return out;
}

nlohmann::ordered_json as_json(const FusionLimit& limit) {
  const auto width = [](const std::vector<WidthTimes>& widths) {
    const auto stop = width_where_fusion_stops(widths);
    return stop ? nlohmann::ordered_json(*stop) : nlohmann::ordered_json(nullptr);
  };
  auto out = key_of(limit.shape);
  out["stops_at_width"] = width(limit.measured);
  out["predicted_stops_at_width"] = width(limit.predicted);
  return out;
}

void print_json(const std::string& device, const DeviceLimits& limits, bool training,
                const std::vector<SweepResult>& results) {
  nlohmann::ordered_json out = {{"bench", "block sweep"},
                                {"version", version()},
                                {"build", build_id()},
                                {"device", device},
                                {"copy_bytes_per_second", limits.bytes_per_second},
                                {"matrix_flops_per_second", limits.flops_per_second},
                                {"precision", name_of(limits.matrix_type)},
                                {"training", training},
                                {"blocks", nlohmann::ordered_json::array()},
                                {"fusion", nlohmann::ordered_json::array()}};
  for (const SweepResult& r : results) out["blocks"].push_back(as_json(r));
  for (const FusionLimit& limit : fusion_limits(results)) out["fusion"].push_back(as_json(limit));
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

void SweepOptions::refuse_lists() const {
  for (const auto& [name, list] : {std::pair{"widths", &widths}, std::pair{"expansions", &expansions},
                                   std::pair{"sizes", &sizes}, std::pair{"batches", &batches}}) {
    CF_CHECK_AS(ErrorKind::Usage, list->empty(), "--", name, " is of --sweep, which is not given");
  }
}

void add_sweep_options(CommandLine& line, SweepOptions& options) {
  line.flag("sweep", &options.wanted,
            "blocks of many shapes, layer by layer and fused, against their limits");
  line.option("widths", &options.widths, "C[,C...]", "--sweep: channels of the blocks");
  line.option("expansions", &options.expansions, "N[,N...]", "--sweep: hidden channels over channels");
  line.option("sizes", &options.sizes, "N[,N...]", "--sweep: sides of the images in pixels");
  line.option("batches", &options.batches, "N[,N...]", "--sweep: images of a batch");
}

void run_sweep(Executor& executor, const SweepOptions& options, const std::string& pattern, bool training,
               int samples, bool json) {
  const auto shapes = sweep_shapes(grid_of(options, executor), training, pattern);
  CF_CHECK_AS(ErrorKind::Usage, !shapes.empty(), "no block of the sweep matches '", pattern, "'");
  const DeviceLimits limits = measure_limits(executor, executor.compute_type());
  const std::int64_t cache = last_cache_bytes(executor);
  const std::string device = device_name(executor);
  const TimingOptions timing{
      .samples = samples, .sample_seconds = 2e-3, .warmup_seconds = 0.02, .most_seconds = 0.5};
  if (!json) print_heading(device, limits, training);
  std::vector<SweepResult> results;
  for (const BlockCase& shape : shapes) {
    results.push_back(sweep_block(executor, shape, limits, cache, timing));
    if (!json) print_row(results.back());
  }
  if (json) {
    print_json(device, limits, training, results);
  } else {
    print_limits(fusion_limits(results));
  }
}

}  // namespace cf::apps

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "apps/bench/bench_commands.h"
#include "apps/bench/bench_sweep.h"
#include "apps/bench/case_benchmark.h"
#include "apps/bench/case_selection.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/execution/device_name.h"
#include "apps/execution/make_executor.h"
#include "apps/version.h"
#include "framework/runtime/captured_work.h"

namespace cf::apps {

namespace {

struct BlockOptions {
  std::string pattern;
  bool all = false, list = false, json = false;
  bool backward = false;  // training of blocks and backward kernels only
  SweepOptions sweep;
  int samples = 30;
  DeviceOptions device;
  PrecisionConfig precision;
};

struct Selection {
  std::vector<BlockCase> blocks;
  std::vector<kernels::Case> cases;
};

Selection select(const BlockOptions& options) {
  Selection selection{select_blocks(options.pattern), select_cases(options.pattern, options.all)};
  if (options.backward) {
    std::erase_if(selection.blocks, [](const BlockCase& shape) { return !shape.training; });
    std::erase_if(selection.cases, [](const kernels::Case& c) { return !name_matches(c.name, "backward"); });
  }
  CF_CHECK_AS(ErrorKind::Usage, !selection.blocks.empty() || !selection.cases.empty(), "no case matches '",
              options.pattern, "'; `convfirst bench block --list` names them",
              options.all ? "" : ", --all adds the tests' small ones");
  return selection;
}

// Where a case does not run in the executor's own type, as optimizer steps run in float32 only.
DType type_of(const Executor& executor, const kernels::Case& problem) {
  return runs_at(executor, problem, executor.compute_type()) ? executor.compute_type() : DType::Float32;
}

void print_list(const Selection& selection) {
  const auto row = [](const std::string& name, double flops, double bytes) {
    fmt::print("{:>10.3f}  {:>12.3f}  {}\n", 1e-9 * flops, 1e-6 * bytes, name);
  };
  fmt::print("{:>10}  {:>12}  case\n", "GFLOP", "MB, float32");
  for (const auto& shape : selection.blocks)
    row(shape.name(), flops_of(shape), bytes_of(shape, DType::Float32));
  for (const auto& problem : selection.cases) row(problem.name, problem.flops, problem.bytes(DType::Float32));
}

void print_block_heading(const std::string& device, const DeviceLimits& limits, bool in_graph) {
  fmt::print("device     {}\n", device);
  fmt::print("limits     copy {:.1f} GB/s, matrix products in {} {:.2f} TFLOP/s; measured now\n",
             1e-9 * limits.bytes_per_second, name_of(limits.matrix_type), 1e-12 * limits.flops_per_second);
  fmt::print("timing     {}, inputs rotate beyond the last cache; microseconds of one run\n\n",
             in_graph ? "CUDA graph of many launches" : "wall clock");
  fmt::print("{:>9} {:>9} {:>9} {:>9} {:>6}  {:>8} {:>8} {:>9} {:>6}  {}\n", "median", "p10", "p90", "min",
             "dev", "TFLOP/s", "GB/s", "limit", "share", "case");
}

void print_row(const CaseResult& result) {
  const Spread& seconds = result.timing.seconds;
  fmt::print("{:>9.2f} {:>9.2f} {:>9.2f} {:>9.2f} {:>5.1f}%  {:>8.3f} {:>8.1f} {:>9.2f} {:>5.1f}%  {} {}\n",
             1e6 * seconds.median, 1e6 * seconds.p10, 1e6 * seconds.p90, 1e6 * seconds.least,
             100 * seconds.deviation / seconds.mean, 1e-12 * result.flops / seconds.median,
             1e-9 * result.bytes / seconds.median, 1e6 * result.limit_seconds, 100 * result.share_of_limit(),
             result.name, name_of(result.type));
  std::fflush(stdout);
}

// Measures all and hands each result to `take` as soon as it is there.
void measure(Executor& executor, const Selection& selection, const DeviceLimits& limits, std::int64_t cache,
             int samples, const std::function<void(const CaseResult&)>& take) {
  const TimingOptions timing{
      .samples = samples, .sample_seconds = 2e-3, .warmup_seconds = 0.02, .most_seconds = 2};
  for (const auto& shape : selection.blocks) take(benchmark_block(executor, shape, limits, cache, timing));
  for (const auto& problem : selection.cases) {
    const DType type = type_of(executor, problem);
    if (runs_at(executor, problem, type)) {
      take(benchmark_case(executor, problem, type, limits, cache, timing));
    } else {
      fmt::print(stderr, "{}: does not run at this place\n", problem.name);
    }
  }
}

void run(const BlockOptions& options) {
  if (options.list) return print_list(select(options));
  const auto executor = make_executor(options.device, options.precision);
  if (options.sweep.wanted) {
    return run_sweep(*executor, options.sweep, options.pattern, options.backward, options.samples,
                     options.json);
  }
  const Selection selection = select(options);
  const DeviceLimits limits = measure_limits(*executor, executor->compute_type());
  const std::int64_t cache = last_cache_bytes(*executor);
  const std::string device = device_name(*executor);
  if (!options.json) {
    print_block_heading(device, limits, CapturedWork::is_possible(*executor));
    measure(*executor, selection, limits, cache, options.samples, print_row);
    return;
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  measure(*executor, selection, limits, cache, options.samples,
          [&](const CaseResult& result) { rows.push_back(as_json(result)); });
  const nlohmann::ordered_json out = {{"bench", "block"},
                                      {"version", version()},
                                      {"build", build_id()},
                                      {"device", device},
                                      {"last_cache_bytes", cache},
                                      {"copy_bytes_per_second", limits.bytes_per_second},
                                      {"matrix_flops_per_second", limits.flops_per_second},
                                      {"matrix_precision", name_of(limits.matrix_type)},
                                      {"cases", rows}};
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

int run_bench_block(const Command& command, const Arguments& arguments) {
  BlockOptions options;
  CommandLine line(command);
  line.optional_positional("CASES", &options.pattern,
                           "words that the names must hold: \"linear/forward C=64\"; all, if not given");
  line.flag("list", &options.list, "name the cases with their cost, and stop");
  line.flag("all", &options.all, "the small shapes of the tests too");
  line.option("samples", &options.samples, "N", "measurements of each case");
  line.option("precision", &options.precision.compute, "auto|float32|bf16|fp16",
              "element type; auto: bf16 on a GPU, float32 on a CPU");
  line.flag("backward", &options.backward, "training of blocks, and the kernels of backward, only");
  add_sweep_options(line, options.sweep);
  line.flag("json", &options.json, "print JSON");
  add_device_options(line, options.device);
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, options.samples >= 1 && options.samples <= 100'000, "--samples is ",
              options.samples, ", must be from 1 to 100000");
  const std::string& precision = options.precision.compute;
  CF_CHECK_AS(ErrorKind::Usage,
              precision == "auto" || precision == "float32" || precision == "bf16" || precision == "fp16",
              "--precision is '", precision, "', must be auto, float32, bf16 or fp16");
  if (options.sweep.wanted) {
    CF_CHECK_AS(ErrorKind::Usage, !options.list && !options.all, "--sweep goes without --list and --all");
  } else {
    options.sweep.refuse_lists();
  }
  run(options);
  return 0;
}

}  // namespace cf::apps

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/bench/bench_commands.h"
#include "apps/bench/case_benchmark.h"
#include "apps/bench/case_selection.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/execution/make_executor.h"
#include "apps/version.h"
#include "framework/runtime/captured_work.h"

namespace cf::apps {

namespace {

struct BlockOptions {
  std::string pattern;
  bool all = false, list = false, json = false;
  int samples = 30;
  DeviceOptions device;
  PrecisionConfig precision;
};

// The matrix rate of optimizer steps and other cases that only run in float32 does not matter: memory binds.
DType type_of(const Executor& executor, const kernels::Case& problem) {
  return runs_at(executor, problem, executor.compute_type()) ? executor.compute_type() : DType::Float32;
}

void print_list(const std::vector<kernels::Case>& cases) {
  fmt::print("{:>10}  {:>12}  case\n", "GFLOP", "MB, float32");
  for (const auto& problem : cases) {
    fmt::print("{:>10.3f}  {:>12.3f}  {}\n", 1e-9 * problem.flops, 1e-6 * problem.bytes(DType::Float32),
               problem.name);
  }
}

void print_heading(const std::string& device, const DeviceLimits& limits, bool in_graph) {
  fmt::print("device     {}\n", device);
  fmt::print("limits     copy {:.1f} GB/s, matrix products in {} {:.2f} TFLOP/s; measured now\n",
             1e-9 * limits.bytes_per_second, name_of(limits.matrix_type), 1e-12 * limits.flops_per_second);
  fmt::print("timing     {}, inputs rotate beyond the last cache; microseconds of one run\n\n",
             in_graph ? "CUDA graph of many launches" : "wall clock");
  fmt::print("{:>9} {:>9} {:>9} {:>9} {:>6}  {:>8} {:>8} {:>9} {:>6}  {}\n", "median", "p10", "p90", "min",
             "dev", "TFLOP/s", "GB/s", "limit", "share", "case");
}

void print_row(const CaseResult& result, DType type) {
  const Spread& seconds = result.timing.seconds;
  fmt::print("{:>9.2f} {:>9.2f} {:>9.2f} {:>9.2f} {:>5.1f}%  {:>8.3f} {:>8.1f} {:>9.2f} {:>5.1f}%  {} {}\n",
             1e6 * seconds.median, 1e6 * seconds.p10, 1e6 * seconds.p90, 1e6 * seconds.least,
             100 * seconds.deviation / seconds.mean, 1e-12 * result.flops / seconds.median,
             1e-9 * result.bytes / seconds.median, 1e6 * result.limit_seconds, 100 * result.share_of_limit(),
             result.name, name_of(type));
  std::fflush(stdout);
}

void run_cases(const BlockOptions& options, const std::vector<kernels::Case>& cases) {
  const auto executor = make_executor(options.device, options.precision);
  const DeviceLimits limits = measure_limits(*executor, executor->compute_type());
  const std::int64_t cache = last_cache_bytes(*executor);
  const std::string device = device_name(*executor);
  const TimingOptions timing{
      .samples = options.samples, .sample_seconds = 2e-3, .warmup_seconds = 0.02, .most_seconds = 2};

  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!options.json) print_heading(device, limits, CapturedWork::is_possible(*executor));
  for (const auto& problem : cases) {
    const DType type = type_of(*executor, problem);
    if (!runs_at(*executor, problem, type)) {
      fmt::print(stderr, "{}: does not run at this place\n", problem.name);
      continue;
    }
    const CaseResult result = benchmark_case(*executor, problem, type, limits, cache, timing);
    if (options.json) {
      rows.push_back(as_json(result));
      rows.back()["precision"] = name_of(type);
    } else {
      print_row(result, type);
    }
  }
  if (!options.json) return;
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
  line.flag("json", &options.json, "print JSON");
  add_device_options(line, options.device);
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, options.samples >= 1 && options.samples <= 100'000, "--samples is ",
              options.samples, ", must be from 1 to 100000");
  const std::string& precision = options.precision.compute;
  CF_CHECK_AS(ErrorKind::Usage,
              precision == "auto" || precision == "float32" || precision == "bf16" || precision == "fp16",
              "--precision is '", precision, "', must be auto, float32, bf16 or fp16");
  const auto cases = select_cases(options.pattern, options.all);
  if (options.list) {
    print_list(cases);
  } else {
    run_cases(options, cases);
  }
  return 0;
}

}  // namespace cf::apps

// What benchmarks of a whole network share: which network, on what, and how the result is said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/bench/timing.h"
#include "apps/command_line.h"
#include "apps/config/config.h"
#include "apps/execution/make_executor.h"
#include "data/loader.h"

namespace cf::apps {

struct ModelBenchmarkOptions {
  std::string model;        // TOML file or built-in name
  int batch = 0, size = 0;  // 0: as configured
  std::string precision = "auto";
  int steps = 50, warmup = 10;
  std::vector<std::string> settings;
  bool json = false;
  DeviceOptions device;
};

// False: --help was asked for.
bool parse_options(const Command& command, const Arguments& arguments, ModelBenchmarkOptions& options);

// The configuration with batch, size and precision in it.
Config config_of(const ModelBenchmarkOptions& options);

// Images and labels drawn from the seed: what a loader would hand out.
data::Batch synthetic_batch(const Config& config);

// What was measured, and on what.
struct ModelBenchmarkResult {
  std::string bench;  // "infer" or "train"
  Config config;
  std::string device;
  DType type = DType::Float32;
  Timing timing;                    // of one step
  int warmup = 0;                   // steps before the first measured one
  int passes = 1;                   // forward passes that a step is worth: 1, or 3 with backward
  std::int64_t macs_of_image = 0;   // of one forward pass
  std::int64_t peak_bytes = 0;      // memory in use at once
  std::int64_t reserved_bytes = 0;  // taken from the system
};

void print(const ModelBenchmarkResult& result, bool json);

}  // namespace cf::apps

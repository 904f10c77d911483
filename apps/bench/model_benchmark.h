// What benchmarks of a whole network share: which network, on what, and how the result is said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/timing.h"
#include "apps/command_line.h"
#include "apps/config/config.h"
#include "apps/execution/make_executor.h"
#include "apps/launch/run_on_ranks.h"
#include "data/loader.h"
#include "framework/parallel/communication_times.h"

namespace cf::apps {

struct ModelBenchmarkOptions {
  std::string model;        // TOML file or built-in name
  int batch = 0, size = 0;  // of one rank; 0: as configured
  std::string precision = "auto";
  int steps = 50, warmup = 10;
  std::vector<std::string> settings;
  bool json = false, deterministic = false;
  DeviceOptions device;
};

// False: --help was asked for. ranks: gets the options of ranks, where there may be several.
bool parse_options(const Command& command, const Arguments& arguments, ModelBenchmarkOptions& options,
                   RankOptions* ranks = nullptr);

// The configuration with batch, size and precision in it; the batch is that of all ranks.
Config config_of(const ModelBenchmarkOptions& options, int ranks = 1);

// So many images and labels drawn from the seed: what a loader would hand out.
data::Batch synthetic_batch(const Config& config, int count);

// What was measured, and on what.
struct ModelBenchmarkResult {
  std::string bench;  // "infer" or "train"
  Config config;
  std::string device;
  DType type = DType::Float32;
  std::string how;  // the network runs: "layer-wise", or by a plan
  Timing timing;    // of one step
  int ranks = 1;
  std::optional<Spread> alone;  // of several: seconds of a step where each trains by itself, of the slowest
  std::optional<CommunicationTimes> communication;  // of several, in a step
  int warmup = 0;                                   // steps before the first measured one
  int passes = 1;                   // forward passes that a step is worth: 1, or 3 with backward
  std::int64_t macs_of_image = 0;   // of one forward pass
  std::int64_t peak_bytes = 0;      // memory in use at once
  std::int64_t reserved_bytes = 0;  // taken from the system
};

void print(const ModelBenchmarkResult& result, bool json);

}  // namespace cf::apps

// model info --plan: how a network is computed in inference, block by block.
#pragma once

#include <string>

#include "apps/command_line.h"
#include "apps/config/config.h"
#include "apps/execution/make_executor.h"

namespace cf::apps {

struct PlanOptions {
  bool wanted = false;
  int batch = 0;  // 0: 128 on a GPU, 1 on a CPU
  std::string precision = "auto";
  std::string gpu;  // of a data sheet; empty: the device at hand
  bool deterministic = false;
  DeviceOptions device;
};

void add_plan_options(CommandLine& line, PlanOptions& options);

// Options that say how to plan, without --plan, are a Usage error.
void refuse_without_plan(const PlanOptions& options);

// Prints the plan of the configured network for images of `size` pixels. The device at hand is measured, its
// limits and the time of each part; a GPU that is only named is predicted.
void print_plan(const Config& config, int size, const PlanOptions& options, bool json);

}  // namespace cf::apps

// `bench block --sweep`.
#pragma once

#include <string>

#include "apps/command_line.h"
#include "apps/execution/make_executor.h"

namespace cf::apps {

struct SweepOptions {
  bool wanted = false;
  std::string widths, expansions, sizes, batches;  // lists of numbers; empty: the device's default

  // One that is given without --sweep is a Usage error.
  void refuse_lists() const;
};

void add_sweep_options(CommandLine& line, SweepOptions& options);

// Measures and prints blocks whose names match the pattern; training: forward and backward, else inference.
void run_sweep(Executor& executor, const SweepOptions& options, const std::string& pattern, bool training,
               int samples, bool json);

}  // namespace cf::apps

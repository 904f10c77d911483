#include "apps/bench/bench_commands.h"
#include "apps/bench/device_limits.h"
#include "apps/bench/model_benchmark.h"
#include "apps/bench/training_steps.h"

namespace cf::apps {

int run_bench_train(const Command& command, const Arguments& arguments) {
  ModelBenchmarkOptions options;
  if (!parse_options(command, arguments, options)) return 0;
  const Config config = config_of(options);
  const auto executor = make_executor(options.device, config.precision);
  TrainingSteps training(*executor, config);
  for (int i = 0; i < options.warmup; ++i) training.run();
  std::vector<double> seconds;
  for (int i = 0; i < options.steps; ++i) seconds.push_back(training.run());
  executor->synchronize();  // a step may be on its way
  print({.bench = "train",
         .config = config,
         .device = device_name(*executor),
         .type = executor->compute_type(),
         .timing = {.seconds = spread_of(std::move(seconds)), .in_graph = training.in_graph()},
         .warmup = options.warmup,
         .passes = 3,
         .macs_of_image = training.macs_of_image(),
         .peak_bytes = training.peak_bytes(),
         .reserved_bytes = training.reserved_bytes()},
        options.json);
  return 0;
}

}  // namespace cf::apps

#include "apps/bench/bench_commands.h"
#include "apps/bench/device_limits.h"
#include "apps/bench/model_benchmark.h"
#include "apps/execution/device_name.h"
#include "apps/images/loader_options.h"
#include "apps/inference/measured_routes.h"
#include "layers/inference_plan.h"

namespace cf::apps {

namespace {

// Images as the network takes them, at the executor's place.
Tensor input_of(Executor& executor, const Config& config) {
  const data::Batch batch = synthetic_batch(config, config.train.batch);
  const View<const std::uint8_t, N, H, W, C> images(batch.images.data(), N{batch.size()}, H{batch.height},
                                                    W{batch.width}, C{batch.channels});
  return normalize_image(executor, images, normalization_of(config), executor.compute_type());
}

std::string how_it_runs(const layers::Inference& inference) {
  const layers::InferencePlan* plan = inference.plan();
  if (plan == nullptr) return "layer-wise";
  return concat("plan with ", plan->fused_blocks(), " of ", plan->blocks(), " blocks fused");
}

}  // namespace

int run_bench_infer(const Command& command, const Arguments& arguments) {
  ModelBenchmarkOptions options;
  if (!parse_options(command, arguments, options)) return 0;
  const Config config = config_of(options);
  const auto executor = make_executor(options.device, config.precision);
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(*executor);
  store->initialise(static_cast<std::uint64_t>(config.seed));
  store->prepare_compute(executor->compute_type());
  const Tensor x = input_of(*executor, config);
  const int size = config.train.size.largest();

  const layers::InferenceShape shape{config.train.batch, size, size};
  const auto routes = routes_of(*executor, net, shape, route_choice(options.deterministic));
  executor->pool().reset_peak();
  layers::Inference inference(*executor, net, shape, routes);
  inference(x);  // leaves x where a plan reads it
  const Timing timing = time_runs(*executor, 1, {.samples = options.steps, .warmup_runs = options.warmup},
                                  [&](std::int64_t) { inference.run_kernels(x); });
  const MemoryUse memory = executor->pool().use();
  print({.bench = "infer",
         .config = config,
         .device = device_name(*executor),
         .type = executor->compute_type(),
         .how = how_it_runs(inference),
         .timing = timing,
         .warmup = options.warmup,
         .passes = 1,
         .macs_of_image = net.describe(size, size).total().macs,
         .peak_bytes = memory.peak_bytes,
         .reserved_bytes = memory.reserved_bytes},
        options.json);
  return 0;
}

}  // namespace cf::apps

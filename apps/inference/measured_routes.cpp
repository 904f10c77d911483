#include "apps/inference/measured_routes.h"

#include <fmt/format.h>

#include <map>

#include "apps/bench/plan_times.h"
#include "apps/execution/device_name.h"
#include "framework/runtime/captured_work.h"

namespace cf::apps {

namespace {

// All that the times of a block depend on beside it.
std::string conditions_of(const Executor& executor, const layers::ConvFirstNet& net,
                          const layers::InferenceShape& shape, const std::string& build) {
  const GpuProperties gpu = gpu_properties(executor.pool().device().index);
  return concat(gpu.name, ", driver ", gpu.driver_version, ", build ", build, ", ",
                name_of(executor.compute_type()), ", ", net.spec().activation, ", batch ", shape.samples);
}

// Blocks with a fused route by their text, and the number of one of each among the parts.
std::map<std::string, std::size_t> fused_blocks(const layers::InferencePlan& plan) {
  std::map<std::string, std::size_t> blocks;
  for (std::size_t i = 0; i < plan.parts().size(); ++i) {
    const layers::PlannedPart& part = plan.parts()[i];
    if (part.is_block && part.route.is_fused()) blocks.emplace(part.text, i);
  }
  return blocks;
}

void measure(Executor& executor, layers::ConvFirstNet& net, const layers::InferenceShape& shape,
             const layers::RouteDevice& table, const std::map<std::string, std::size_t>& blocks,
             const std::string& conditions, RouteCache& cache) {
  fmt::print(stderr, "measuring {} kinds of blocks, fused and layer by layer ({})\n", blocks.size(),
             conditions);
  layers::RouteDevice by_layers = table;
  by_layers.fuses = false;
  std::map<std::string, BlockTimes> times;
  for (const bool fused : {true, false}) {
    const layers::InferencePlan plan(executor, net, shape, fused ? table : by_layers);
    for (const auto& [block, part] : blocks) {
      (fused ? times[block].fused : times[block].layers) = measure_part(executor, plan, plan.parts()[part]);
    }
  }
  executor.pool().release_free();
  for (const auto& [block, measured] : times) cache.add(conditions, block, measured);
}

}  // namespace

void add_route_option(CommandLine& line, bool& deterministic) {
  line.flag("deterministic", &deterministic, "blocks by the built-in table of routes, none measured");
}

bool prefers_layers(const BlockTimes& times) {
  constexpr double kNoise = 0.03;
  return times.layers < (1 - kNoise) * times.fused;
}

layers::RouteDevice routes_of(Executor& executor, layers::ConvFirstNet& net,
                              const layers::InferenceShape& shape, RouteChoice choice) {
  layers::RouteDevice device = layers::route_device(executor, executor.compute_type());
  if (choice == RouteChoice::Table || net.spec().fusion != "auto" || !CapturedWork::is_possible(executor)) {
    return device;
  }
  auto missing = fused_blocks(layers::InferencePlan(net, shape, device));
  const auto all = missing;
  const std::optional<std::string> build = build_key();
  const std::string conditions = conditions_of(executor, net, shape, build.value_or("unknown"));
  RouteCache cache(build ? route_cache_file() : std::filesystem::path());
  std::erase_if(missing, [&](const auto& block) { return cache.find(conditions, block.first).has_value(); });
  if (!missing.empty()) {
    measure(executor, net, shape, device, missing, conditions, cache);
    cache.save();
  }
  for (const auto& [block, part] : all) {
    if (prefers_layers(*cache.find(conditions, block))) device.faster_by_layers.insert(block);
  }
  return device;
}

}  // namespace cf::apps

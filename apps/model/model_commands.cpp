#include "apps/model/model_commands.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/command_line.h"
#include "apps/config/builtin.h"
#include "apps/console/format.h"
#include "apps/model/model_config.h"
#include "apps/model/plan_table.h"
#include "layers/convfirst_net.h"

namespace cf::apps {

namespace {

constexpr std::string_view kPresetPrefix = "convfirstnet_";

std::string extent_text(const layers::Extent& e) {
  return fmt::format("{}x{}x{}", e.height, e.width, e.channels);
}

void print_layer(const layers::LayerCost& layer) {
  fmt::print("{:<28} {:<25} {:>14} {:>12} {:>14} {:>12}\n", layer.path, layer.kind, extent_text(layer.output),
             format_count(layer.parameters), format_count(layer.macs), format_count(layer.activations));
}

nlohmann::json layer_as_json(const layers::LayerCost& layer) {
  return {{"path", layer.path},
          {"kind", layer.kind},
          {"output", {layer.output.height, layer.output.width, layer.output.channels}},
          {"parameters", layer.parameters},
          {"macs", layer.macs},
          {"activations", layer.activations}};
}

}  // namespace

int run_model_list(const Command& command, const Arguments& arguments) {
  CommandLine line(command);
  if (!line.parse(arguments)) return 0;
  fmt::print("{:<8} {:>12} {:>10} {:>8}  {}\n", "name", "parameters", "MACs", "size", "stages");
  for (const auto& builtin : builtin_configs()) {
    if (!builtin.file.starts_with(kPresetPrefix)) continue;
    const std::string name(
        builtin.file.substr(kPresetPrefix.size(), builtin.file.find('.') - kPresetPrefix.size()));
    const Config config = load_config(std::string(builtin.file)).config;
    const int size = config.train.size.largest();
    const layers::LayerCost total = layers::ConvFirstNet(config.model).describe(size, size).total();
    std::string stages;
    for (std::size_t i = 0; i < config.model.widths.size(); ++i) {
      stages += fmt::format("{}{}x{} {}", i > 0 ? ", " : "", config.model.depths[i], config.model.widths[i],
                            config.model.blocks[i]);
    }
    fmt::print("{:<8} {:>12} {:>10} {:>8}  {}\n", name, format_count(total.parameters),
               format_quantity(static_cast<double>(total.macs)), size, stages);
  }
  return 0;
}

int run_model_info(const Command& command, const Arguments& arguments) {
  std::string what;
  std::vector<std::string> settings;
  int size = 0;
  bool json = false;
  PlanOptions plan;
  CommandLine line(command);
  line.positional("NAME|CONFIG|CHECKPOINT", &what, std::string(kModelHelp));
  line.option("size", &size, "N", "side of the image in pixels; the configured one, if not given");
  line.option("set", &settings, "KEY=VALUE", "override a key of the configuration");
  line.flag("json", &json, "print JSON");
  add_plan_options(line, plan);
  if (!line.parse(arguments)) return 0;
  refuse_without_plan(plan);

  const Config config = model_config(what, settings);
  if (size == 0) size = config.train.size.largest();
  if (plan.wanted) {
    print_plan(config, size, plan, json);
    return 0;
  }
  const layers::Description description = layers::ConvFirstNet(config.model).describe(size, size);
  const layers::LayerCost total = description.total();
  if (json) {
    nlohmann::json out = {{"name", config.model.name},        {"size", size},
                          {"parameters", total.parameters},   {"macs", total.macs},
                          {"activations", total.activations}, {"layers", nlohmann::json::array()}};
    for (const auto& layer : description.layers()) out["layers"].push_back(layer_as_json(layer));
    fmt::print("{}\n", out.dump(2));
    return 0;
  }
  fmt::print("{:<28} {:<25} {:>14} {:>12} {:>14} {:>12}\n", "layer", "kind", "output", "parameters", "MACs",
             "activations");
  for (const auto& layer : description.layers()) print_layer(layer);
  fmt::print("\n{} at {}x{}x{}: {} parameters, {}MACs, {} activations per image\n", config.model.name, size,
             size, config.model.channels, format_count(total.parameters),
             format_quantity(static_cast<double>(total.macs)), format_count(total.activations));
  return 0;
}

}  // namespace cf::apps

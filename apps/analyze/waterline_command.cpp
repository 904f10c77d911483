#include <cstdio>

#include "apps/analyze/analyze_commands.h"
#include "apps/analyze/waterline.h"
#include "apps/command_line.h"
#include "apps/model/model_config.h"
#include "apps/plot/output_file.h"

namespace cf::apps {

namespace {

struct WaterlineOptions {
  std::string model, measured, svg;
  std::vector<std::string> settings;
  int batch = 0, size = 0;
  bool training = false, json = false;
  AnalysisDeviceOptions device;
};

bool parse(const Command& command, const Arguments& arguments, WaterlineOptions& options) {
  CommandLine line(command);
  line.positional("MODEL", &options.model, std::string(kModelHelp));
  line.flag("training", &options.training, "all passes of a training step, not inference");
  line.option("batch", &options.batch, "N",
              "images of a batch; 0: for training as configured, else 128 on a GPU, 1 on a CPU");
  line.option("size", &options.size, "N", "side of the images in pixels; 0: as configured");
  line.option("set", &options.settings, "KEY=VALUE", "override a key of the configuration; may be repeated");
  line.option("measured", &options.measured, "FILE.json",
              "what `bench infer --json` or `bench train --json` printed, for the achieved efficiency");
  line.option("out,o", &options.svg, "FILE.svg", "draw it too");
  line.flag("json", &options.json, "print JSON");
  add_analysis_device_options(line, options.device);
  if (!line.parse(arguments)) return false;
  const auto check = [](const char* name, int value) {
    CF_CHECK_AS(ErrorKind::Usage, value >= 0, "--", name, " is ", value, ", must be at least 1");
  };
  check("batch", options.batch);
  check("size", options.size);
  return true;
}

}  // namespace

int run_analyze_waterline(const Command& command, const Arguments& arguments) {
  WaterlineOptions options;
  if (!parse(command, arguments, options)) return 0;
  const Config config = model_config(options.model, options.settings);
  AnalysisDevice device = find_device(options.device, config.precision);
  const int usual = device.route.place == PlaceKind::Cuda ? 128 : 1;
  const int configured = options.training ? config.train.norm_batch : usual;
  const int batch = options.batch > 0 ? options.batch : configured;
  const int size = options.size > 0 ? options.size : config.train.size.largest();
  Waterline waterline = analyze_waterline(config, options.training, batch, size, std::move(device));
  if (!options.measured.empty()) add_measured(waterline, config, options.measured);
  if (options.json) {
    print_json(waterline);
  } else {
    print_text(waterline);
  }
  if (!options.svg.empty()) {
    write_output_file(options.svg, waterline_svg(waterline));
    std::fputs((options.svg + " written\n").c_str(), stderr);
  }
  return 0;
}

}  // namespace cf::apps

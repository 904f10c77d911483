#include "apps/bench/model_benchmark.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/console/format.h"
#include "apps/inference/measured_routes.h"
#include "apps/version.h"
#include "kernels/base/philox.h"

namespace cf::apps {

namespace {

// A multiply-accumulate is two operations; of norms and activations none are counted.
double flops_of_step(const ModelBenchmarkResult& r) {
  return 2.0 * r.passes * static_cast<double>(r.macs_of_image) * r.config.train.batch;
}

void print_text(const ModelBenchmarkResult& r) {
  const Spread& seconds = r.timing.seconds;
  const int size = r.config.train.size.largest();
  fmt::print("bench {:<8} {}, batch {}, {}x{}x{}, {}, {}, {}\n", r.bench, r.config.model.name,
             r.config.train.batch, size, size, r.config.model.channels, name_of(r.type), r.how,
             r.timing.in_graph ? "CUDA graph" : "no graph");
  fmt::print("device         {}\n", r.device);
  fmt::print(
      "step           median {:.3f} ms, p10 {:.3f}, p90 {:.3f}, min {:.3f}, max {:.3f}, deviation {:.1f} %\n",
      1e3 * seconds.median, 1e3 * seconds.p10, 1e3 * seconds.p90, 1e3 * seconds.least, 1e3 * seconds.most,
      100 * seconds.deviation / seconds.mean);
  fmt::print("images/s       {}  ({} steps after {} of warm-up; from the median)\n",
             format_count(std::llround(r.config.train.batch / seconds.median)), seconds.samples, r.warmup);
  if (r.ranks > 1) {
    fmt::print(
        "a rank         {} images/s; {} by itself (the slowest): {:.1f} % of a step go to the other ranks\n",
        format_count(std::llround(r.config.train.batch / seconds.median / r.ranks)),
        format_count(std::llround(r.config.train.batch / r.alone->median / r.ranks)),
        100 * (1 - r.alone->median / seconds.median));
    const auto& [sums, waited] = *r.communication;
    fmt::print(
        "communication  {:.3f} ms of a step, waiting for other ranks included: {:.3f} ms hidden under "
        "backward, {:.3f} ms ({:.1f} % of the step) not\n",
        1e3 * sums, 1e3 * (sums - waited), 1e3 * waited, 100 * waited / seconds.median);
  }
  fmt::print("TFLOP/s        {:.3f}  ({} x {}MACs an image)\n", 1e-12 * flops_of_step(r) / seconds.median,
             2 * r.passes, format_quantity(static_cast<double>(r.macs_of_image)));
  fmt::print("memory         {} in use at most, {} reserved\n",
             format_bytes(static_cast<double>(r.peak_bytes)),
             format_bytes(static_cast<double>(r.reserved_bytes)));
}

void print_json(const ModelBenchmarkResult& r) {
  nlohmann::ordered_json out = {{"bench", r.bench},
                                {"version", version()},
                                {"build", build_id()},
                                {"device", r.device},
                                {"model", r.config.model.name},
                                {"batch", r.config.train.batch},
                                {"size", r.config.train.size.largest()},
                                {"channels", r.config.model.channels},
                                {"precision", name_of(r.type)},
                                {"how", r.how},
                                {"graph", r.timing.in_graph},
                                {"warmup", r.warmup},
                                {"seconds", as_json(r.timing.seconds)},
                                {"images_per_second", r.config.train.batch / r.timing.seconds.median},
                                {"macs_per_image", r.macs_of_image},
                                {"flops_per_step", flops_of_step(r)},
                                {"flops_per_second", flops_of_step(r) / r.timing.seconds.median},
                                {"peak_bytes", r.peak_bytes},
                                {"reserved_bytes", r.reserved_bytes}};
  if (r.ranks > 1) {
    out["ranks"] = r.ranks;
    out["images_per_second_per_rank"] = r.config.train.batch / r.timing.seconds.median / r.ranks;
    out["seconds_alone"] = as_json(*r.alone);
    out["communication_seconds"] = {{"all", r.communication->sums}, {"not_hidden", r.communication->waited}};
  }
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

bool parse_options(const Command& command, const Arguments& arguments, ModelBenchmarkOptions& options,
                   RankOptions* ranks) {
  CommandLine line(command);
  line.positional("MODEL", &options.model, "built-in name such as small, or TOML file");
  line.option("batch", &options.batch, "N",
              ranks != nullptr ? "images of a step on each rank; 0: as configured for all of them"
                               : "images of a step; 0: as configured");
  line.option("size", &options.size, "N", "side of the images in pixels; 0: as configured");
  line.option("precision", &options.precision, "auto|float32|bf16|fp16",
              "of activations; auto: bf16 on a GPU, float32 on a CPU");
  line.option("steps", &options.steps, "N", "steps that are measured");
  line.option("warmup", &options.warmup, "N", "steps before them");
  line.option("set", &options.settings, "KEY=VALUE", "override a key of the configuration; may be repeated");
  line.flag("json", &options.json, "print JSON");
  add_device_options(line, options.device);
  if (ranks != nullptr) {
    ranks->add_to(line);
  } else {
    add_route_option(line, options.deterministic);
  }
  if (!line.parse(arguments)) return false;
  const auto check = [](const char* name, int value, int least) {
    CF_CHECK_AS(ErrorKind::Usage, value >= least, "--", name, " is ", value, ", must be at least ", least);
  };
  check("batch", options.batch, 0);
  check("size", options.size, 0);
  check("steps", options.steps, 1);
  check("warmup", options.warmup, 1);
  return true;
}

Config config_of(const ModelBenchmarkOptions& options, int ranks) {
  auto settings = options.settings;
  settings.push_back(concat("precision.compute=", options.precision));
  if (options.batch > 0) {
    settings.push_back(concat("train.batch=", std::int64_t{ranks} * options.batch));
    settings.push_back(concat("train.norm_batch=", options.batch));
  }
  if (options.size > 0) {
    settings.push_back(concat("train.size=", options.size));
    settings.push_back(concat("eval.size=", options.size));
  }
  return load_config(options.model, settings).config;
}

data::Batch synthetic_batch(const Config& config, int count) {
  const int size = config.train.size.largest();
  data::Batch batch;
  batch.height = batch.width = size;
  batch.channels = config.model.channels;
  Philox philox(static_cast<std::uint64_t>(config.seed), Purpose::SyntheticData);
  batch.images.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(size) *
                      static_cast<std::size_t>(size) * static_cast<std::size_t>(config.model.channels));
  for (auto& value : batch.images) value = static_cast<std::uint8_t>(philox.bits());
  for (int i = 0; i < count; ++i) {
    batch.labels.push_back(
        static_cast<std::int64_t>(philox.below(static_cast<std::uint64_t>(config.model.classes))));
    batch.samples.push_back(i);
  }
  return batch;
}

void print(const ModelBenchmarkResult& result, bool json) {
  if (json) {
    print_json(result);
  } else {
    print_text(result);
  }
}

}  // namespace cf::apps

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/bench/bench_commands.h"
#include "apps/bench/data_benchmark.h"
#include "apps/bench/device_limits.h"
#include "apps/bench/page_cache.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/console/json_text.h"
#include "apps/execution/device_name.h"
#include "apps/execution/make_executor.h"
#include "apps/images/config_of_data.h"
#include "apps/images/data_advice.h"
#include "apps/images/loader_options.h"
#include "apps/images/open_data.h"
#include "apps/version.h"

namespace cf::apps {

namespace {

struct DataBenchmarkOptions {
  std::string source;
  std::vector<std::string> settings;
  std::string device = "auto";
  int threads = all_cores();
  double seconds = 10;
  int images = 0;  // in place of `seconds`; 0: by these
  int target = 0;  // images/s that are wanted
  bool cold = false;
  bool json = false;
};

struct DataBenchmarkResult {
  Config config;
  std::string device;
  std::int64_t images = 0;  // of the data set
  data::LoaderOptions options;
  LoaderRate rate;
  std::optional<LoaderRate> alone;  // with one thread, where rate has more
  // With a cold cache: what it held of the data set when `rate` began, and in the end.
  CachedBytes cached_before, cached_after;
};

bool parse(const Command& command, const Arguments& arguments, DataBenchmarkOptions& options) {
  CommandLine line(command);
  line.positional("CONFIG|PATH", &options.source,
                  "a recipe, or a data set as `convfirst data info` takes it");
  line.option("threads", &options.threads, "N", "threads that read and decode, one per core");
  line.option("seconds", &options.seconds, "S", "how long to measure");
  line.option("images", &options.images, "N", "measure N images with all threads, however long they take");
  line.flag("cold", &options.cold,
            "drop the files from the system's memory before each run, and read no image twice");
  line.option("target", &options.target, "N",
              "images/s that a training would take: says how many threads make them");
  line.option("device", &options.device, "auto|cpu|cuda",
              "where batches are copied to; auto: a GPU if there is one");
  line.option("set", &options.settings, "KEY=VALUE", "override a key of the recipe; may be repeated");
  line.flag("json", &options.json, "print JSON");
  if (!line.parse(arguments)) return false;
  CF_CHECK_AS(ErrorKind::Usage, options.threads >= 1 && options.threads <= 1024, "--threads is ",
              options.threads, ", must be from 1 to 1024");
  CF_CHECK_AS(ErrorKind::Usage, options.seconds > 0, "--seconds is ", options.seconds, ", must be above 0");
  CF_CHECK_AS(ErrorKind::Usage, options.images >= 0, "--images is ", options.images, ", must be at least 0");
  CF_CHECK_AS(ErrorKind::Usage, options.target >= 0, "--target is ", options.target, ", must be at least 0");
  return true;
}

DataBenchmarkResult measure(const DataBenchmarkOptions& options) {
  DataBenchmarkResult result{.config = config_of_data(options.source, options.settings)};
  const Config& config = result.config;
  CF_CHECK_AS(ErrorKind::Usage, !config.data.train.empty(), options.source, " does not set data.train");
  const auto dataset = open_data({config.data.train, config.model.channels}, data::Split::Train);
  result.images = dataset->size();
  result.options = training_loader_options(config, 0, options.threads);
  result.options.batch = static_cast<int>(std::min<std::int64_t>(result.options.batch, dataset->size()));
  const auto executor = make_executor({.device = options.device, .threads = 1}, config.precision);
  result.device = device_name(*executor);
  const std::string files = data::separate_labels({.path = config.data.train}).path;
  const auto run = [&](int threads, double share) {
    LoaderRun how{.threads = threads, .seconds = share * options.seconds};
    how.warm_up = 0.1 * how.seconds;
    if (!options.cold) return how;
    drop_from_cache(files);
    how.warm_up = 0;
    how.images = dataset->size() / result.options.batch * result.options.batch;
    return how;
  };
  const bool compares = options.threads > 1;
  if (compares) result.alone = measure_loader(*dataset, result.options, run(1, 0.25), *executor);
  LoaderRun all = run(options.threads, compares ? 0.75 : 1);
  if (options.images > 0) {
    all.images = std::min<std::int64_t>(all.images, options.images);
    all.seconds = std::numeric_limits<double>::infinity();
  }
  if (options.cold) result.cached_before = cached_bytes(files);
  result.rate = measure_loader(*dataset, result.options, all, *executor);
  if (options.cold) result.cached_after = cached_bytes(files);
  return result;
}

int threads_for(const DataBenchmarkResult& r, int target) {
  return static_cast<int>(std::ceil(target / r.rate.images_per_second_of_thread()));
}

double milliseconds_of_image(const DataBenchmarkResult& r, double seconds) {
  return 1e3 * seconds / static_cast<double>(r.rate.work.images);
}

double copy_milliseconds_of_image(const DataBenchmarkResult& r) {
  return 1e3 * r.rate.copy_seconds / static_cast<double>(r.rate.copied_images);
}

void print_stage(const DataBenchmarkResult& r, const char* name, double seconds) {
  fmt::print("{:<14} {:.3f} ms of a thread an image, {:.0f} %\n", name, milliseconds_of_image(r, seconds),
             100 * seconds / r.rate.work.seconds.total());
}

void print_text(const DataBenchmarkResult& r, int target) {
  const LoaderRate& rate = r.rate;
  const data::StageSeconds& stages = rate.work.seconds;
  fmt::print("bench data     {}: {} images, to {}x{}x{}, batch {}\n", r.config.data.train,
             format_count(r.images), r.options.height, r.options.width, r.options.channels, r.options.batch);
  fmt::print("device         {}\n", r.device);
  fmt::print("images/s       {} with {} thread{}: {} each",
             format_count(std::llround(rate.images_per_second())), rate.threads, rate.threads == 1 ? "" : "s",
             format_count(std::llround(rate.images_per_second_of_thread())));
  if (r.alone) fmt::print(", {} one alone", format_count(std::llround(r.alone->images_per_second())));
  fmt::print("; {} cores\n", all_cores());
  print_stage(r, "read", stages.read);
  print_stage(r, "decode", stages.decode);
  print_stage(r, "resize", stages.resize);
  print_stage(r, "augment", stages.augment);
  fmt::print("copy           {:.3f} ms an image, on the thread that takes the batches\n",
             copy_milliseconds_of_image(r));
  if (r.cached_before.total > 0) {
    fmt::print("cold cache     {} of {} in memory at the beginning, {} at the end\n",
               format_bytes(static_cast<double>(r.cached_before.cached)),
               format_bytes(static_cast<double>(r.cached_before.total)),
               format_bytes(static_cast<double>(r.cached_after.cached)));
  } else {
    fmt::print("memory         {} resident at the beginning, {} after {} more images\n",
               format_bytes(static_cast<double>(rate.resident_at_begin)),
               format_bytes(static_cast<double>(rate.resident_at_end)), format_count(rate.copied_images));
  }
  fmt::print("verdict        {}\n", data_advice(stages));
  if (target > 0) {
    fmt::print("target         {} images/s take {} such threads\n", format_count(target),
               threads_for(r, target));
  }
}

void print_json(const DataBenchmarkResult& r, int target) {
  const data::StageSeconds& stages = r.rate.work.seconds;
  nlohmann::ordered_json out = {
      {"bench", "data"},
      {"version", version()},
      {"build", build_id()},
      {"device", r.device},
      {"source", r.config.data.train},
      {"images", r.images},
      {"size", r.options.height},
      {"channels", r.options.channels},
      {"batch", r.options.batch},
      {"cores", all_cores()},
      {"threads", r.rate.threads},
      {"seconds", r.rate.seconds},
      {"images_per_second", r.rate.images_per_second()},
      {"images_per_second_of_thread", r.rate.images_per_second_of_thread()},
      {"images_per_second_one_thread_alone", (r.alone ? *r.alone : r.rate).images_per_second()},
      {"milliseconds_per_image",
       {{"read", milliseconds_of_image(r, stages.read)},
        {"decode", milliseconds_of_image(r, stages.decode)},
        {"resize", milliseconds_of_image(r, stages.resize)},
        {"augment", milliseconds_of_image(r, stages.augment)},
        {"copy", copy_milliseconds_of_image(r)}}},
      {"resident_bytes", {{"begin", r.rate.resident_at_begin}, {"end", r.rate.resident_at_end}}},
      {"images_taken", r.rate.copied_images},
      {"verdict", data_advice(stages)}};
  if (r.cached_before.total > 0) {
    out["cached_bytes"] = {
        {"begin", r.cached_before.cached}, {"end", r.cached_after.cached}, {"total", r.cached_before.total}};
  }
  if (target > 0) {
    out["target"] = target;
    out["threads_for_target"] = threads_for(r, target);
  }
  fmt::print("{}\n", json_text(out, 2));
}

}  // namespace

int run_bench_data(const Command& command, const Arguments& arguments) {
  DataBenchmarkOptions options;
  if (!parse(command, arguments, options)) return 0;
  const DataBenchmarkResult result = measure(options);
  if (options.json) {
    print_json(result, options.target);
  } else {
    print_text(result, options.target);
  }
  return 0;
}

}  // namespace cf::apps

#include "apps/evaluate/eval_command.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/checkpoint/loaded_model.h"
#include "apps/command_line.h"
#include "apps/console/progress.h"
#include "apps/evaluate/evaluation.h"

namespace cf::apps {

namespace {

struct EvalOptions {
  std::string checkpoint, data, sizes, per_class, weights = "auto";
  double assert_top1 = -1;
  int batch = 0;
  bool json = false;
  DeviceOptions device;
};

std::vector<int> parse_sizes(const std::string& text, int configured) {
  if (text.empty()) return {configured};
  std::vector<int> sizes;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    int size = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + comma, size);
    CF_CHECK_AS(ErrorKind::Usage, error == std::errc{} && end == text.data() + comma && size > 0,
                "--size is '", text, "', must be pixels such as 224 or 224,256");
    sizes.push_back(size);
    at = comma + 1;
  }
  return sizes;
}

void write_per_class(const std::string& path, const EvaluationResult& result,
                     const std::vector<std::string>& classes) {
  std::ofstream out(path);
  out << "class,name,images,correct,top1\n";
  for (std::size_t k = 0; k < classes.size(); ++k) {
    std::int64_t images = 0;
    for (const auto count : result.confusion[k]) images += count;
    const std::int64_t correct = result.confusion[k][k];
    out << fmt::format("{},\"{}\",{},{},{:.6f}\n", k, classes[k], images, correct,
                       images > 0 ? static_cast<double>(correct) / static_cast<double>(images) : 0.0);
  }
  out.flush();
  CF_CHECK_AS(ErrorKind::Usage, static_cast<bool>(out), "cannot write ", path);
}

void print_result(const EvalOptions& options, const LoadedModel& model, int size,
                  const EvaluationResult& result) {
  const char* weights = model.weights == Weights::Average ? "ema" : "raw";
  if (options.json) {
    const nlohmann::json line = {{"checkpoint", model.path.string()},
                                 {"weights", weights},
                                 {"size", size},
                                 {"images", result.images},
                                 {"top1", result.top1()},
                                 {"top5", result.top5()},
                                 {"loss", result.loss},
                                 {"correct1", result.correct1},
                                 {"correct5", result.correct5}};
    fmt::print("{}\n", line.dump());
    return;
  }
  fmt::print("size {}  images {}  top1 {:.2f} %  top5 {:.2f} %  loss {:.4f}  ({} weights, step {})\n", size,
             result.images, 100 * result.top1(), 100 * result.top5(), result.loss, weights,
             model.header.progress.step);
}

}  // namespace

int run_eval(const Command& command, const Arguments& arguments) {
  EvalOptions options;
  CommandLine line(command);
  line.positional("CHECKPOINT", &options.checkpoint, "checkpoint, or run folder for its best one");
  line.option("data", &options.data, "PATH", "validation images; what the run used, if not given");
  line.option("size", &options.sizes, "N[,N...]", "side of the images in pixels, one evaluation each");
  line.option("weights", &options.weights, "auto|raw|ema", "auto: the averaged weights where there are any");
  line.option("batch", &options.batch, "N", "images per batch");
  line.option("per-class", &options.per_class, "FILE.csv", "write the accuracy of each class");
  line.option("assert-top1", &options.assert_top1, "PERCENT", "exit code 8 if top-1 is lower");
  line.flag("json", &options.json, "one JSON object per size");
  add_device_options(line, options.device);
  if (!line.parse(arguments)) return 0;

  LoadedModel model = load_model_for_evaluation(options.checkpoint, options.weights, options.device);
  Config& config = model.header.config;
  const std::string path = options.data.empty() ? config.data.val : options.data;
  const auto dataset = data::open_dataset(data::DatasetSource{path, config.model.channels}, data::Split::Val);
  CF_CHECK_AS(ErrorKind::Data, dataset->class_names() == model.header.classes, path, " has other classes (",
              dataset->class_names().size(), ") than the checkpoint was trained on (",
              model.header.classes.size(), ")");

  if (options.batch > 0) config.eval.batch = options.batch;
  double lowest = 100;
  for (const int size : parse_sizes(options.sizes, config.eval.size)) {
    Progress bar("eval", dataset->size());
    config.eval.size = size;
    const EvaluationResult result = evaluate(*model.executor, *model.net, *dataset, config,
                                             [&](std::int64_t images) { bar.update(images); });
    bar.clear();
    print_result(options, model, size, result);
    if (!options.per_class.empty()) write_per_class(options.per_class, result, model.header.classes);
    lowest = std::min(lowest, 100 * result.top1());
  }
  CF_CHECK_AS(ErrorKind::Threshold, lowest >= options.assert_top1, "top-1 is ", lowest,
              " %, below --assert-top1 ", options.assert_top1);
  return 0;
}

}  // namespace cf::apps

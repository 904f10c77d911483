#include "apps/evaluate/eval_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/checkpoint/loaded_model.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/console/json_text.h"
#include "apps/console/progress.h"
#include "apps/evaluate/evaluation.h"
#include "apps/images/open_data.h"
#include "apps/number_list.h"

namespace cf::apps {

namespace {

struct EvalOptions {
  std::string checkpoint, data, sizes, per_class;
  double assert_top1 = 0;
  int batch = 0;
  bool json = false;
  EvaluationChoices choices;
};

// The accuracy of each class at each size. Opened before anything is evaluated, so that a path that cannot be
// written to costs no time.
class PerClassFile {
 public:
  explicit PerClassFile(const std::string& path) : path_(path) {
    if (path.empty()) return;
    out_.open(path);
    out_ << "size,class,name,images,correct,top1\n";
    check();
  }

  void add(int size, const EvaluationResult& result, const std::vector<std::string>& classes) {
    if (path_.empty()) return;
    for (std::size_t k = 0; k < classes.size(); ++k) {
      const auto& row = result.confusion[k];
      const auto images = std::accumulate(row.begin(), row.end(), std::int64_t{0});
      const double top1 = images > 0 ? static_cast<double>(row[k]) / static_cast<double>(images) : 0.0;
      out_ << fmt::format("{},{},{},{},{},{:.6f}\n", size, k, format_csv_field(classes[k]), images, row[k],
                          top1);
    }
    check();
  }

 private:
  void check() {
    out_.flush();
    CF_CHECK_AS(ErrorKind::Usage, static_cast<bool>(out_), "cannot write ", path_, ": ",
                std::strerror(errno));
  }

  std::string path_;
  std::ofstream out_;
};

// Labels mean something only where both have the same classes. A checkpoint of imported weights may not know
// its classes' names: then their number decides.
void check_classes(const LoadedModel& model, const data::Dataset& dataset, const std::string& path) {
  const auto& ours = dataset.class_names();
  const auto& theirs = model.header.classes;
  const auto count = static_cast<std::size_t>(model.header.config.model.classes);
  CF_CHECK_AS(ErrorKind::Data, ours.size() == count, path, " has ", ours.size(),
              " classes, the checkpoint was trained on ", count);
  for (std::size_t k = 0; k < theirs.size(); ++k) {
    CF_CHECK_AS(ErrorKind::Data, ours[k] == theirs[k], path, ": class ", k, " is '", ours[k],
                "', the checkpoint was trained with '", theirs[k], "' in its place");
  }
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
                                 {"correct5", result.correct5},
                                 {"fused_blocks", result.fused_blocks}};
    fmt::print("{}\n", json_text(line));
    return;
  }
  fmt::print("size {}  images {}  top1 {:.2f} %  top5 {:.2f} %  loss {:.4f}  ({} weights, step {})\n", size,
             result.images, 100 * result.top1(), 100 * result.top5(), result.loss, weights,
             model.header.progress.step);
}

void add_options(CommandLine& line, EvalOptions& options) {
  line.positional("CHECKPOINT", &options.checkpoint, "checkpoint, or run folder for its best one");
  line.option("data", &options.data, "PATH", "validation images; what the run used, if not given");
  line.option("size", &options.sizes, "N[,N...]", "side of the images in pixels, one evaluation each");
  line.option("batch", &options.batch, "N", "images per batch");
  line.option("per-class", &options.per_class, "FILE.csv", "write the accuracy of each class");
  line.option("assert-top1", &options.assert_top1, "PERCENT",
              "exit code 8 if top-1 is lower at any size; 90.5, not 0.905");
  line.flag("json", &options.json, "one JSON object per size");
  add_evaluation_options(line, options.choices);
}

}  // namespace

int run_eval(const Command& command, const Arguments& arguments) {
  EvalOptions options;
  CommandLine line(command);
  add_options(line, options);
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, options.batch >= 0, "--batch is ", options.batch, ", must be at least 0");
  CF_CHECK_AS(ErrorKind::Usage, options.assert_top1 >= 0 && options.assert_top1 <= 100, "--assert-top1 is ",
              options.assert_top1, ", must be a percentage from 0 to 100");

  LoadedModel model = load_model_for_evaluation(options.checkpoint, options.choices);
  Config& config = model.header.config;
  const std::string path = options.data.empty() ? config.data.val : options.data;
  CF_CHECK_AS(ErrorKind::Usage, !path.empty(),
              "eval needs --data PATH: the checkpoint's configuration names no validation images");
  const auto dataset = open_data({path, config.model.channels}, data::Split::Val);
  check_classes(model, *dataset, path);

  if (options.batch > 0) config.eval.batch = options.batch;
  const auto sizes = options.sizes.empty()
                         ? std::vector{config.eval.size}
                         : parse_numbers("--size", options.sizes, "pixels such as 224 or 224,256");
  for (const int size : sizes) model.net->check_image(size, size);
  PerClassFile per_class(options.per_class);
  double lowest = 100;
  for (const int size : sizes) {
    Progress bar("eval", dataset->size());
    config.eval.size = size;
    const EvaluationResult result = evaluate(
        *model.executor, *model.net, *dataset, config, [&](std::int64_t images) { bar.update(images); },
        single_rank(), route_choice(options.choices.deterministic));
    bar.clear();
    print_result(options, model, size, result);
    per_class.add(size, result, dataset->class_names());
    lowest = std::min(lowest, 100 * result.top1());
  }
  CF_CHECK_AS(ErrorKind::Threshold, lowest >= options.assert_top1, "top-1 is ", lowest,
              " %, below --assert-top1 ", options.assert_top1);
  return 0;
}

}  // namespace cf::apps

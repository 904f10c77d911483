#include "apps/predict/predict_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "apps/checkpoint/loaded_model.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/console/json_text.h"
#include "apps/images/loader_options.h"
#include "apps/inference/measured_routes.h"
#include "apps/predict/prediction_input.h"
#include "data/formats/imagenet_classes.h"
#include "layers/inference_plan.h"

namespace cf::apps {

namespace {

constexpr std::size_t kBatch = 64;

struct Guess {
  std::string class_name;  // as in the data
  float probability;
};

// "tench (n01440764)"; other classes as they are called.
std::string title_of(const std::string& class_name) {
  const std::string_view name = data::readable_class_name(class_name);
  return name == class_name ? class_name : fmt::format("{} ({})", name, class_name);
}

// The most probable classes of one row of logits, best first.
std::vector<Guess> best_guesses(std::span<const float> logits, const std::vector<std::string>& classes,
                                int count) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float z : logits) sum += std::exp(static_cast<double>(z - largest));
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min(static_cast<std::size_t>(count), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
                    });
  std::vector<Guess> guesses;
  for (std::size_t i = 0; i < kept; ++i) {
    const double p = std::exp(static_cast<double>(logits[order[i]] - largest)) / sum;
    guesses.push_back({classes[order[i]], static_cast<float>(p)});
  }
  return guesses;
}

void print_guesses(const std::string& format, const std::string& item, const std::vector<Guess>& guesses) {
  if (format == "jsonl") {
    nlohmann::json row = {{"image", item}, {"predictions", nlohmann::json::array()}};
    for (const auto& guess : guesses)
      row["predictions"].push_back({{"class", guess.class_name},
                                    {"name", data::readable_class_name(guess.class_name)},
                                    {"probability", guess.probability}});
    fmt::print("{}\n", json_text(row));
    return;
  }
  for (std::size_t rank = 0; rank < guesses.size(); ++rank) {
    const auto& [class_name, probability] = guesses[rank];
    if (format == "csv") {
      const std::string name(data::readable_class_name(class_name));
      fmt::print("{},{},{},{:.6f},{}\n", format_csv_field(item), rank + 1, format_csv_field(class_name),
                 probability, format_csv_field(name));
    } else {
      fmt::print("{:<40} {:>6.2f} %  {}\n", rank == 0 ? item : "", 100 * probability, title_of(class_name));
    }
  }
}

// Logits of every item, row by row.
class Predictor {
 public:
  Predictor(LoadedModel& model, RouteChoice routes) : model_(model), routes_(routes) {}

  // Later batches are of the same size at most.
  void run(const Tensor& x) {
    if (!inference_) {
      const layers::InferenceShape shape{x.shape().extent<N>().value, x.shape().extent<H>().value,
                                         x.shape().extent<W>().value};
      inference_.emplace(*model_.executor, *model_.net, shape,
                         routes_of(*model_.executor, *model_.net, shape, routes_));
    }
    const Tensor logits = (*inference_)(x);
    const std::vector<float> values = model_.executor->floats(logits);
    const bool finite = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    CF_CHECK_AS(ErrorKind::Numeric, finite, "the logits of item ", rows(), " or one of the next ",
                logits.shape()[0].extent, " are not finite");
    logits_.insert(logits_.end(), values.begin(), values.end());
  }

  std::size_t classes() const { return static_cast<std::size_t>(model_.net->spec().classes); }
  std::size_t rows() const { return logits_.size() / classes(); }
  std::span<const float> row(std::size_t i) const {
    return std::span(logits_).subspan(i * classes(), classes());
  }

  void write(const std::string& path) const {
    const TensorSource source{
        {"logits", DType::Float32, {static_cast<std::int64_t>(rows()), static_cast<std::int64_t>(classes())}},
        std::as_bytes(std::span(logits_))};
    write_safetensors(path, {&source, 1});
  }

 private:
  LoadedModel& model_;
  RouteChoice routes_;
  std::optional<layers::Inference> inference_;
  std::vector<float> logits_;
};

// Weights that were imported without a data set have no names.
std::vector<std::string> class_names_of(const LoadedModel& model) {
  std::vector<std::string> names = model.header.classes;
  for (int k = static_cast<int>(names.size()); k < model.header.config.model.classes; ++k) {
    names.push_back(concat("class ", k));
  }
  return names;
}

// A place that cannot be written to shall cost no time.
void check_folder_of(const std::string& logits_path) {
  const auto folder = std::filesystem::path(logits_path).parent_path();
  CF_CHECK_AS(ErrorKind::Usage, folder.empty() || std::filesystem::is_directory(folder), "--logits ",
              logits_path, ": there is no folder ", folder.string());
}

bool is_tensor_file(const std::string& path) { return path.ends_with(".safetensors"); }

}  // namespace

int run_predict(const Command& command, const Arguments& arguments) {
  std::string checkpoint, format = "table", logits_path, orientation = "exif";
  std::vector<std::string> items;
  int topk = 5, size = 0;
  EvaluationChoices choices;
  CommandLine line(command);
  line.positional("CHECKPOINT", &checkpoint, "checkpoint, or run folder for its best one");
  line.positional("IMAGE|FOLDER|TENSOR.safetensors", &items,
                  "image files, folders of them, or one tensor x [N,C,H,W]");
  line.option("topk", &topk, "N", "classes shown per image");
  line.option("format", &format, "table|csv|jsonl", "form of the output");
  line.option("size", &size, "N", "side of the images in pixels; as in evaluation, if not given");
  line.option("orientation", &orientation, "exif|stored",
              "turn photographs upright as their EXIF says, or leave them as stored, as evaluation does");
  line.option("logits", &logits_path, "OUT.safetensors", "write the logits [N,classes]");
  add_evaluation_options(line, choices);
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, format == "table" || format == "csv" || format == "jsonl", "--format is '",
              format, "', must be table, csv or jsonl");
  CF_CHECK_AS(ErrorKind::Usage, orientation == "exif" || orientation == "stored", "--orientation is '",
              orientation, "', must be exif or stored");
  CF_CHECK_AS(ErrorKind::Usage, topk >= 1, "--topk is ", topk, ", must be at least 1");
  CF_CHECK_AS(ErrorKind::Usage, size >= 0, "--size is ", size, ", must be a number of pixels");
  const bool tensor_input = std::any_of(items.begin(), items.end(), is_tensor_file);
  CF_CHECK_AS(ErrorKind::Usage, !tensor_input || items.size() == 1,
              "a tensor is predicted alone, not beside other items");

  check_folder_of(logits_path);

  LoadedModel model = load_model_for_evaluation(checkpoint, choices);
  const Config& config = model.header.config;
  Predictor predictor(model, route_choice(choices.deterministic));
  const std::vector<std::string> classes = class_names_of(model);
  std::vector<std::string> names;
  const auto print_from = [&](std::size_t first) {
    if (first == 0 && format == "csv") fmt::print("image,rank,class,probability,name\n");
    for (std::size_t i = first; i < predictor.rows(); ++i) {
      print_guesses(format, names[i], best_guesses(predictor.row(i), classes, topk));
    }
  };
  if (tensor_input) {
    const Tensor x = read_input_tensor(*model.executor, items.front(), config.model.channels);
    predictor.run(x);
    for (std::size_t i = 0; i < predictor.rows(); ++i) names.push_back(concat(items.front(), "#", i));
    print_from(0);
  } else {
    names = find_images(items);
    const int side = size > 0 ? size : config.eval.size;
    model.net->check_image(side, side);
    auto geometry = evaluation_geometry(config, side);
    geometry.upright = orientation == "exif";
    for (std::size_t first = 0; first < names.size(); first += kBatch) {
      const auto last = std::min(first + kBatch, names.size());
      const std::vector<std::string> files(names.begin() + static_cast<std::ptrdiff_t>(first),
                                           names.begin() + static_cast<std::ptrdiff_t>(last));
      predictor.run(read_images(*model.executor, geometry, normalization_of(config), files));
      print_from(first);
    }
  }
  if (!logits_path.empty()) predictor.write(logits_path);
  return 0;
}

}  // namespace cf::apps

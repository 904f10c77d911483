#include "apps/checkpoint/loaded_model.h"

#include "apps/inference/measured_routes.h"

namespace cf::apps {

std::filesystem::path checkpoint_file(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    CF_CHECK_AS(ErrorKind::Checkpoint, std::filesystem::exists(path), path.string(), ": no such checkpoint");
    return path;
  }
  // The link that exists; both bests where the run averages, of which the file with the higher score counts.
  std::filesystem::path best;
  double best_score = -1;
  for (const char* link : {"best", "best_ema"}) {
    const auto candidate = path / "checkpoints" / link;
    if (!std::filesystem::exists(candidate)) continue;
    const CheckpointHeader header = read_header(SafetensorsReader(candidate));
    const double score =
        std::string_view(link) == "best" ? header.progress.best_top1 : header.progress.best_ema_top1;
    if (score > best_score) {
      best = candidate;
      best_score = score;
    }
  }
  if (!best.empty()) return best;
  const auto last = path / "checkpoints" / "last";
  CF_CHECK_AS(ErrorKind::Checkpoint, std::filesystem::exists(last), path.string(),
              " is a folder without checkpoints/last");
  return last;
}

void add_evaluation_options(CommandLine& line, EvaluationChoices& choices) {
  line.option("weights", &choices.weights, "auto|raw|ema", "auto: the averaged weights where there are any");
  line.option("precision", &choices.precision, "auto|float32|bf16|fp16",
              "type of activations; auto: the run's on a GPU, float32 on a CPU");
  line.option("fusion", &choices.fusion, "auto|off|require",
              "use of fused blocks; what the checkpoint says (model.fusion), if not given");
  add_route_option(line, choices.deterministic);
  add_device_options(line, choices.device);
}

LoadedModel load_model_for_evaluation(const std::filesystem::path& path, const EvaluationChoices& choices) {
  const std::string &which = choices.weights, &fusion = choices.fusion;
  CF_CHECK_AS(ErrorKind::Usage, which == "auto" || which == "raw" || which == "ema", "--weights is '", which,
              "', must be auto, raw or ema");
  CF_CHECK_AS(ErrorKind::Usage, fusion.empty() || fusion == "auto" || fusion == "off" || fusion == "require",
              "--fusion is '", fusion, "', must be auto, off or require");
  LoadedModel model;
  model.path = checkpoint_file(path);
  const SafetensorsReader file(model.path);
  CF_CHECK_AS(ErrorKind::Checkpoint, which != "ema" || has_average(file), model.path.string(),
              " has no averaged weights (the run had ema.decay = 0)");
  model.weights = which != "raw" && has_average(file) ? Weights::Average : Weights::Raw;
  model.header = read_header(file);
  Config& config = model.header.config;
  if (!fusion.empty()) config.model.fusion = fusion;
  if (choices.precision != "auto" || !gpu_index(choices.device)) config.precision.compute = choices.precision;
  model.executor = make_executor(choices.device, config.precision);
  model.net = std::make_unique<layers::ConvFirstNet>(config.model);
  model.store = model.net->make_store(*model.executor);
  load_model(file, *model.store, model.weights);
  model.store->prepare_compute(model.executor->compute_type());
  return model;
}

}  // namespace cf::apps

#include "apps/ckpt/ckpt_commands.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "apps/checkpoint/checkpoint.h"
#include "apps/checkpoint/loaded_model.h"
#include "apps/checkpoint/tensor_reading.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/console/json_text.h"
#include "apps/images/open_data.h"
#include "apps/version.h"
#include "data/dataset.h"

namespace cf::apps {

namespace {

nlohmann::json tensors_as_json(const SafetensorsReader& file) {
  nlohmann::json out = nlohmann::json::array();
  for (const auto& entry : file.entries()) {
    out.push_back({{"name", entry.name}, {"dtype", name_of(entry.dtype)}, {"shape", entry.shape}});
  }
  return out;
}

void print_tensors(const SafetensorsReader& file) {
  for (const auto& entry : file.entries()) {
    fmt::print("{:<60} {:<9} {}\n", entry.name, name_of(entry.dtype), shape_text(entry.shape));
  }
}

std::int64_t total_bytes(const SafetensorsReader& file) {
  std::int64_t bytes = 0;
  for (const auto& entry : file.entries()) bytes += byte_count(entry);
  return bytes;
}

// Weights of a deeper network than the configured one are not taken in part. PyTorch counts batches beside
// each norm, which nothing here needs.
void check_all_used(const SafetensorsReader& file, const ParameterStore& store) {
  std::set<std::string_view> used;
  for (const Parameter* p : store.parameters()) used.insert(p->name);
  for (const Statistic* s : store.statistics()) used.insert(s->name);
  for (const auto& entry : file.entries()) {
    CF_CHECK_AS(ErrorKind::Checkpoint,
                used.contains(entry.name) || entry.name.ends_with(".num_batches_tracked"),
                file.path().string(), ": ", entry.name, " ", shape_text(entry.shape),
                " is not in the configured network; the file is of another architecture");
  }
}

// Files written to are never silently replaced.
void check_absent(const std::string& path) {
  CF_CHECK_AS(ErrorKind::Usage, !std::filesystem::exists(path), path, " exists; it would be overwritten");
}

}  // namespace

int run_ckpt_info(const Command& command, const Arguments& arguments) {
  std::string path;
  bool json = false, tensors = false, config = false;
  CommandLine line(command);
  line.positional("FILE", &path, "checkpoint, run folder, or any safetensors file");
  line.flag("tensors", &tensors, "list the tensors");
  line.flag("config", &config, "print the configuration and stop");
  line.flag("json", &json, "print JSON");
  if (!line.parse(arguments)) return 0;

  const SafetensorsReader file(checkpoint_file(path));
  const bool is_checkpoint = file.metadata().contains("format_version");
  if (!is_checkpoint) {
    CF_CHECK_AS(ErrorKind::Checkpoint, !config, path, " holds weights only, no configuration");
    if (json) {
      fmt::print(
          "{}\n",
          json_text(nlohmann::json{{"file", file.path().string()}, {"tensors", tensors_as_json(file)}}, 2));
      return 0;
    }
    fmt::print("{}: weights only, {} tensors, {}\n", path, file.entries().size(),
               format_bytes(static_cast<double>(total_bytes(file))));
    print_tensors(file);
    return 0;
  }
  const CheckpointHeader header = read_header(file);
  if (config) {
    fmt::print("{}", to_toml(header.config));
    return 0;
  }
  const TrainingProgress& progress = header.progress;
  if (json) {
    nlohmann::json out = {{"file", file.path().string()},
                          {"build", header.build},
                          {"model", header.config.model.name},
                          {"classes", header.classes},
                          {"step", progress.step},
                          {"steps_per_epoch", progress.steps_per_epoch},
                          {"train_seconds", progress.seconds},
                          {"best_top1", progress.best_top1},
                          {"best_ema_top1", progress.best_ema_top1},
                          {"has_ema", has_average(file)}};
    if (tensors) out["tensors"] = tensors_as_json(file);
    fmt::print("{}\n", json_text(out, 2));
    return 0;
  }
  fmt::print("file        {}\n", file.path().string());
  fmt::print("model       {}, {} classes{}\n", header.config.model.name, header.config.model.classes,
             header.classes.empty() ? " without names" : "");
  fmt::print("step        {} ({:.2f} epochs)\n", progress.step,
             progress.steps_per_epoch > 0
                 ? static_cast<double>(progress.step) / static_cast<double>(progress.steps_per_epoch)
                 : 0.0);
  fmt::print("trained     {}\n", format_duration(progress.seconds));
  if (progress.best_top1 >= 0) fmt::print("best top-1  {:.2f} %\n", 100 * progress.best_top1);
  if (progress.best_ema_top1 >= 0) fmt::print("best ema    {:.2f} %\n", 100 * progress.best_ema_top1);
  fmt::print("tensors     {}, {}\n", file.entries().size(),
             format_bytes(static_cast<double>(total_bytes(file))));
  fmt::print("build       {}\n", header.build);
  if (tensors) print_tensors(file);
  return 0;
}

int run_ckpt_verify(const Command& command, const Arguments& arguments) {
  std::vector<std::string> paths;
  CommandLine line(command);
  line.positional("FILE", &paths, "checkpoints");
  if (!line.parse(arguments)) return 0;
  for (const auto& path : paths) {
    const SafetensorsReader file(checkpoint_file(path));
    file.verify();
    fmt::print("{}: {} tensors, all checksums match\n", path, file.entries().size());
  }
  return 0;
}

int run_ckpt_export(const Command& command, const Arguments& arguments) {
  std::string path, out, weights = "auto";
  CommandLine line(command);
  line.positional("CHECKPOINT", &path, "checkpoint or run folder");
  line.option("out,o", &out, "FILE.safetensors", "weights in PyTorch's names and layout");
  line.option("weights", &weights, "auto|raw|ema", "auto: the averaged weights where there are any");
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, !out.empty(), "ckpt export needs --out FILE.safetensors");
  check_absent(out);
  const LoadedModel model =
      load_model_for_evaluation(path, {.weights = weights, .device = {.device = "cpu", .threads = 1}});
  const CheckpointContents contents(*model.store);
  write_safetensors(out, contents.tensors());
  fmt::print("{}\n", out);
  return 0;
}

int run_ckpt_import(const Command& command, const Arguments& arguments) {
  std::string path, config_path, out, classes_path;
  std::vector<std::string> settings;
  CommandLine line(command);
  line.positional("WEIGHTS", &path, "safetensors file with PyTorch's names and layout");
  line.option("config", &config_path, "MODEL.toml", "the architecture, and how images are prepared");
  line.option("set", &settings, "KEY=VALUE", "override a key of the configuration");
  line.option("data", &classes_path, "PATH",
              "data set whose class names the checkpoint shall carry; none, if not given");
  line.option("out,o", &out, "CHECKPOINT", "the checkpoint to write");
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, !out.empty() && !config_path.empty(),
              "ckpt import needs --config and --out: ", command.example);
  check_absent(out);

  const Config config = load_config(config_path, settings).config;
  const auto executor = Executor::cpu(1);
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(*executor);
  const SafetensorsReader file(path);
  for (const Parameter* p : store->parameters())
    read_tensor(*executor, file, p->name, p->value, p->interchange);
  for (const Statistic* s : store->statistics())
    read_tensor(*executor, file, s->name, s->value, Interchange::Same);
  check_all_used(file, *store);

  std::vector<std::string> classes;
  if (!classes_path.empty()) {
    classes = open_data({classes_path, config.model.channels}, data::Split::Val)->class_names();
    CF_CHECK_AS(ErrorKind::Usage, static_cast<int>(classes.size()) == config.model.classes, classes_path,
                " has ", classes.size(), " classes, the network ", config.model.classes);
  }
  const CheckpointContents contents({config, classes, {}, std::string(build_id())}, *store, nullptr);
  write_safetensors(out, contents.tensors(), contents.metadata(),
                    {.sync = SyncPolicy::Durable, .checksums = true});
  fmt::print("{}\n", out);
  return 0;
}

}  // namespace cf::apps

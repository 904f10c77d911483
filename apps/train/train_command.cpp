#include "apps/train/train_command.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "apps/command_line.h"
#include "apps/config/nearest.h"
#include "apps/console/format.h"
#include "apps/images/loader_options.h"
#include "apps/launch/run_on_ranks.h"
#include "apps/train/interruption.h"
#include "apps/train/training.h"
#include "apps/train/training_data.h"

namespace cf::apps {

namespace {

namespace fs = std::filesystem;

constexpr int kSavedRunAgain = 75;  // EX_TEMPFAIL: the same command goes on

// Of a rank, once it is ready for its largest images; without what sums between ranks take.
std::string memory_of_run(Config config, int ranks, layers::ConvFirstNet& net, Executor& executor) {
  config.train.batch /= ranks;
  const auto store = net.make_store(executor);
  optim::Optimizer optimizer(executor, *store, optimizer_options(config));
  TrainStep step(executor, net, *store, optimizer, config);
  const int size = config.train.size.largest();
  const auto use = step.prepare(size, size);
  return memory_text(executor, use, size);
}

// What would be trained, without reading images or writing anything; fails where the run would fail at once.
void print_dry_run(const Config& config, const DeviceOptions& device, int ranks) {
  const auto train = open_training_data(config);
  const auto val = open_validation_data(config, *train);
  const auto executor = make_executor(device, config.precision);
  const TrainingPlan plan = plan_training(config, train->size());
  layers::ConvFirstNet net(config.model);
  const std::string routes = routes_text(config, net, *executor);
  const int size = config.train.size.largest();
  const layers::LayerCost cost = net.describe(size, size).total();
  const std::string memory = memory_of_run(config, ranks, net, *executor);  // before anything is printed
  fmt::print("model            {}: {} parameters, {}MACs at {}x{}\n", config.model.name,
             format_count(cost.parameters), format_quantity(static_cast<double>(cost.macs)), size, size);
  fmt::print("training data    {} images, {} classes\n", format_count(train->size()),
             train->class_names().size());
  fmt::print("validation data  {} images\n", format_count(val->size()));
  fmt::print("batch            {} images, batch norm over {}\n", config.train.batch, config.train.norm_batch);
  fmt::print("blocks           {}\n", routes);
  fmt::print("steps            {}, {} per epoch\n", format_count(plan.total_steps),
             format_count(plan.steps_per_epoch));
  fmt::print("warmup           {} steps\n", format_count(plan.schedule.warmup_steps));
  fmt::print("evaluation       every {} steps\n", format_count(plan.eval_steps));
  fmt::print("memory           {}: {}\n", name_of(executor->pool().device()), memory);
}

// A misspelt word is not taken for a file that is missing.
void require_resume_value(const std::string& value, const std::filesystem::path& run) {
  if (value == "auto" || value == "never" || value.find('/') != std::string::npos) return;
  if (std::filesystem::exists(value)) return;
  std::string meant = nearest(value, std::array{"auto", "never", "last", "best", "best_ema"});
  if (meant.starts_with("last") || meant.starts_with("best")) meant = run / "checkpoints" / meant;
  fail(ErrorKind::Usage, "--resume is '", value, "', must be auto, never or a checkpoint",
       meant.empty() ? "" : concat("; did you mean ", meant, "?"));
}

int train(const Config& config, const TrainOptions& options) {
  Training training(config, options);
  const TrainingEnd end = training.run();
  if (end == TrainingEnd::Interrupted) return kSavedRunAgain;
  if (options.ranks->rank() != 0) return 0;
  const TrainingProgress& progress = training.progress();
  fmt::print("top1={:.2f} train_seconds={:.0f} checkpoint={}\n",
             100 * std::max(progress.best_top1, progress.best_ema_top1), progress.seconds,
             training.result().string());
  return 0;
}

}  // namespace

int run_train(const Command& command, const Arguments& arguments) {
  std::string recipe, out, max_time;
  std::vector<std::string> settings;
  bool dry_run = false, print_config = false, print_keys = false;
  TrainOptions options;
  RankOptions ranks;
  CommandLine line(command);
  line.optional_positional("CONFIG", &recipe, "recipe, a TOML file");
  line.option("out,o", &out, "RUN", "run folder: checkpoints, metrics, log; the same command resumes");
  line.option("set", &settings, "KEY=VALUE", "override a key of the recipe; may be repeated");
  line.option("resume", &options.resume, "auto|never|CHECKPOINT", "where to go on from");
  line.option("max-time", &max_time, "TIME",
              "save and stop after so long, with exit code 75: 3:50:00, 30min");
  line.flag("force", &options.force, "resume although the configuration has changed");
  line.flag("dry-run", &dry_run, "say what would be trained, and stop");
  line.flag("print-config", &print_config, "print the resolved configuration with origins, and stop");
  line.flag("help-keys", &print_keys, "print all keys of a recipe, and stop");
  add_device_options(line, options.device);
  ranks.add_to(line);
  if (!line.parse(arguments)) return 0;

  if (print_keys) {
    fmt::print("{}", keys_as_markdown());
    return 0;
  }
  CF_CHECK_AS(ErrorKind::Usage, !recipe.empty(), "train needs a recipe: ", command.example);
  const ResolvedConfig resolved = load_config(recipe, settings);
  if (print_config) {
    fmt::print("{}", to_toml_with_origins(resolved));
    return 0;
  }
  const std::optional<int> count = ranks.count_to_start(options.device);
  if (count) require_equal_shares(resolved.config, *count);
  if (dry_run) {
    std::error_code unknown;
    CF_CHECK_AS(ErrorKind::Usage, !fs::exists(out, unknown) || fs::is_directory(out, unknown), "--out ", out,
                " is there and not a folder");
    print_dry_run(resolved.config, options.device, count.value_or(1));
    return 0;
  }
  CF_CHECK_AS(ErrorKind::Usage, !out.empty(), "train needs --out RUN, the folder to write to");
  if (!max_time.empty()) options.max_seconds = parse_seconds("--max-time", max_time);
  options.run_folder = out;
  require_resume_value(options.resume, options.run_folder);
  const auto rank = rank_environment(process_environment(), ranks.master);
  end_when_signalled(kSavedRunAgain, !rank || rank->rank == 0);

  return run_on_ranks(ranks, command, arguments, resolved.config, options.device, [&](RankSession* session) {
    if (session != nullptr) {
      options.ranks = &session->communicator();
      options.layout = session->layout();
    }
    return train(resolved.config, options);
  });
}

}  // namespace cf::apps

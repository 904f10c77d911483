#include "apps/train/training.h"

#include <fmt/format.h>

#include <utility>

#include "apps/console/format.h"
#include "apps/execution/device_name.h"
#include "apps/train/interruption.h"
#include "apps/train/training_data.h"
#include "layers/inference_plan.h"

namespace cf::apps {

namespace {

// The other ranks go on when the folder is there and theirs.
std::optional<RunFolder> open_run_folder(const TrainOptions& options, const CheckpointConfig& config) {
  std::optional<RunFolder> folder;
  if (options.ranks->rank() == 0) folder.emplace(options.run_folder, config);
  options.ranks->barrier();
  std::filesystem::create_directories(options.run_folder);  // where ranks share no file system
  return folder;
}

// One rank of several speaks.
std::FILE* progress_stream(const TrainOptions& options) {
  return options.ranks->rank() == 0 ? stderr : nullptr;
}

RunLog open_log(const TrainOptions& options) {
  const int rank = options.ranks->rank();
  if (rank == 0) return RunLog(options.run_folder / "log.txt");
  return RunLog(options.run_folder / concat("log_rank", rank, ".txt"), RunLog::Console::Not);
}

}  // namespace

std::string routes_text(const Config& config, layers::ConvFirstNet& net, Executor& executor) {
  const DType type = executor.compute_type();
  if (config.model.fusion == "require") {  // said now, not at the first evaluation
    layers::InferencePlan(net, {1, config.eval.size, config.eval.size}, layers::route_device(executor, type));
  }
  const auto routes = net.training_routes(executor, type);
  std::string text = fmt::format("{} of {} blocks train by fused passes", routes.fused, net.blocks());
  for (const auto& [why, blocks] : routes.why_layers) {
    text += fmt::format("; {} layer by layer: {}", blocks, why);
  }
  return text;
}

std::string memory_text(const Executor& executor, const std::optional<MemoryUse>& step, int size) {
  std::string text;
  if (step) {
    text = fmt::format("a step at {}x{} {}, ", size, size,
                       format_bytes(static_cast<double>(step->reserved_bytes)));
  }
  return text + concat("weights, gradients, optimizer and averages ",
                       format_bytes(static_cast<double>(executor.pool().use().in_use_bytes)));
}

RunFolder::RunFolder(const std::filesystem::path& path, const CheckpointConfig& config)
    : lock(path), checkpoints(lock, {config.keep_last, config.keep_best}), metrics(path / "metrics.jsonl") {}

Training::Training(const Config& config, const TrainOptions& options)
    : config_(config),
      options_(options),
      train_data_(open_training_data(config, progress_stream(options))),
      val_data_(open_validation_data(config, *train_data_, progress_stream(options))),
      executor_(make_executor(options.device, config.precision)),
      net_(config.model),
      store_(net_.make_store(*executor_)),
      optimizer_(*executor_, *store_, optimizer_options(config)),
      step_(*executor_, net_, *store_, optimizer_, config, *options.ranks),
      plan_(plan_training(config, train_data_->size())),
      ranks_(*options.ranks),
      folder_(open_run_folder(options, config.checkpoint)),
      log_(open_log(options)),
      images_(config, *train_data_, plan_.steps_per_epoch, executor_->kind(), ranks_, log_),
      wish_(ranks_) {
  const std::string routes = routes_text(config, net_, *executor_);
  if (folder_) saver_.emplace(folder_->checkpoints);
  if (is_first()) start_or_resume();
  broadcast_state();
  if (is_first()) write_run_files();
  log_.line(header_line());
  if (options.device.device == "auto" && executor_->pool().device().kind == DeviceKind::Host) {
    log_.line(concat("no GPU: ", count_gpus().why_none));
  }
  log_.line(routes);
  if (!options.layout.empty()) log_.line(options.layout);
}

std::string Training::header_line() const {
  return fmt::format("{}: {} parameters, {} training and {} validation images, {} steps of {} images, on {}",
                     config_.model.name, format_count(store_->parameter_count()),
                     format_count(train_data_->size()), format_count(val_data_->size()),
                     format_count(plan_.total_steps), config_.train.batch, device_name(*executor_));
}

double Training::epoch() const {
  return static_cast<double>(progress_.step) / static_cast<double>(plan_.steps_per_epoch);
}

TrainingEnd Training::run() {
  const Interruption interruption;
  start_ = Clock::now();
  try {
    train_steps();
    end_save();
    if (saved_step_ != progress_.step) begin_save();
    end_save();
    CF_CHECK_AS(ErrorKind::Checkpoint, saved_step_ == progress_.step,
                "the last checkpoint could not be saved");
  } catch (const std::exception& error) {
    finish_save_of_failed_run();
    log_.file_line(concat("error: ", error.what()));
    throw;
  }
  if (progress_.step == plan_.total_steps) {
    log_.line(fmt::format("finished: {} steps in {}", progress_.step, format_duration(progress_.seconds)));
    return TrainingEnd::Finished;
  }
  log_.line(fmt::format("stopped at step {} of {}; the same command goes on from here", progress_.step,
                        plan_.total_steps));
  return TrainingEnd::Interrupted;
}

// Steps are submitted ahead of the one whose result is looked at, so that a GPU never waits for the host.
void Training::train_steps() {
  Progress bar("train", plan_.total_steps, is_first() ? stderr : nullptr, 1e9);
  times_.skip();
  while (progress_.step < plan_.total_steps) {
    if (saver_) take_outcome(saver_->finished());
    save_if_due();
    if (may_submit()) {
      submit_step();
    } else if (step_.in_flight() > 0) {
      finish_step(bar);
    } else if (is_stopping_) {
      return;
    }
  }
}

std::int64_t Training::submitted_steps() const {
  return progress_.step + static_cast<std::int64_t>(step_.in_flight());
}

bool Training::may_submit() {
  const bool needs_finished = step_.in_flight() == step_.most_in_flight() || save_due_ || is_stopping_ ||
                              needs_all_finished(submitted_steps());
  if (step_.in_flight() > 0 && needs_finished) return false;
  if (!is_stopping_) decide();
  return !save_due_ && !is_stopping_;
}

// Whether after `steps` steps something happens that needs their result.
bool Training::needs_all_finished(std::int64_t steps) const {
  return is_evaluation_due(steps) || (plan_.save_steps > 0 && steps % plan_.save_steps == 0) ||
         images_.size_at(steps) != images_.size_at(steps - 1);
}

bool Training::is_evaluation_due(std::int64_t steps) const {
  return steps % plan_.eval_steps == 0 || steps == plan_.total_steps;
}

void Training::submit_step() {
  const std::int64_t step = submitted_steps();
  if (const int size = images_.size_at(step); size != images_.size()) {
    prepare_step(size);
    images_.open(step);
  }
  const double waited_before = images_.waited_seconds();
  data::Batch batch = images_.next();
  times_.add_data(images_.waited_seconds() - waited_before);
  step_.submit(std::move(batch), step, plan_.schedule.rate(step));
}

void Training::prepare_step(int size) {
  const std::optional<MemoryUse> use = step_.prepare(size, size);
  if (!use) return;
  log_.line(
      concat("memory of ", name_of(executor_->pool().device()), ": ", memory_text(*executor_, use, size)));
  times_.skip();
}

void Training::finish_step(Progress& bar) {
  data::Batch batch;
  const StepResult result = step_.finish(batch);
  images_.recycle(std::move(batch));
  count_step(result);

  bar.update(progress_.step, fmt::format("loss {:.3f}", result.loss));
  if (progress_.step % config_.train.log_every == 0 || progress_.step == plan_.total_steps) {
    bar.clear();
    log_step(plan_.schedule.rate(progress_.step - 1));
  }
  if (progress_.step % plan_.steps_per_epoch == 0) log_epoch();
  bool new_best = false;
  if (is_evaluation_due(progress_.step)) {
    bar.clear();
    new_best = evaluate_now();
    times_.skip();
  }
  save_due_ = save_due_ || is_save_due_by_step(new_best);
}

void Training::save_if_due() {
  if (!save_due_ || step_.in_flight() > 0) return;
  begin_save();
  save_due_ = has_asked_to_save_ = false;
  times_.skip();
}

void Training::count_step(const StepResult& result) {
  const double seconds = times_.end_step();
  ++progress_.step;
  progress_.seconds += seconds;
  if (result.communication) times_.add_communication(result.communication->waited);
  scores_ = {};
  IntervalSums& sums = progress_.interval;
  ++sums.steps;
  sums.loss += result.loss;
  sums.correct += static_cast<double>(result.correct);
  if (!result.left_out) sums.gradient_norm += result.gradient_norm;
  sums.seconds += seconds;
  if (result.left_out) {
    log_.line(fmt::format("step {} is left out: its gradients overflow float16; the loss scale is {:g} now",
                          progress_.step - 1, result.loss_scale));
  }
}

bool Training::has_reason_to_stop() const {
  if (Interruption::signal_received() != 0) return true;
  return options_.max_seconds > 0 &&
         std::chrono::duration<double>(Clock::now() - start_).count() >= options_.max_seconds;
}

// All ranks stop, or save, before the same step, whichever of them has a reason.
void Training::decide() {
  const bool wants_save = is_first() && !has_asked_to_save_ && is_save_due_by_clock();
  has_asked_to_save_ = has_asked_to_save_ || wants_save;
  const Wish all = wish_.strongest(has_reason_to_stop() ? Wish::Stop : wants_save ? Wish::Save : Wish::GoOn);
  save_due_ = save_due_ || all == Wish::Save;
  is_stopping_ = all == Wish::Stop;
}

}  // namespace cf::apps

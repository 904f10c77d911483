// Where the state of a run comes from and where it goes: a fresh start, a checkpoint, the files of the run
// folder.

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "apps/checkpoint/initial_weights.h"
#include "apps/train/environment.h"
#include "apps/train/training.h"
#include "apps/version.h"
#include "kernels/gemm/algorithm_table.h"

namespace cf::apps {

namespace {

constexpr int kFailedSavesAllowed = 2;  // in a row; the third ends the run

}  // namespace

void Training::write_run_files() {
  write_atomically(options_.run_folder / "config.toml", to_toml(config_), SyncPolicy::Cached);
  write_environment(options_.run_folder / "env.json", *executor_);
}

void Training::start_or_resume() {
  progress_.steps_per_epoch = plan_.steps_per_epoch;
  if (options_.resume != "auto" && options_.resume != "never") {
    verify_safetensors(options_.resume);
    return resume_from(options_.resume);
  }

  const NewestGood newest = newest_good(folder_->checkpoints.path());
  const bool any = newest.path || !newest.damaged.empty();
  CF_CHECK_AS(ErrorKind::Usage, options_.resume == "auto" || !any, options_.run_folder.string(),
              " holds checkpoints; --resume never wants a fresh folder");
  for (const auto& message : newest.damaged) log_.line("damaged checkpoint: " + message);
  if (newest.path) return resume_from(*newest.path);
  CF_CHECK_AS(ErrorKind::Checkpoint, newest.damaged.empty(), options_.run_folder.string(),
              " holds checkpoints, none of which is good; move them away to start anew");

  store_->initialise(static_cast<std::uint64_t>(config_.seed));
  if (!config_.model.init.empty()) {
    for (const auto& line : load_initial_weights(config_.model.init, *store_)) log_.line(line);
  }
  if (optimizer_.averages()) optimizer_.start_average();
  folder_->metrics.cut_after(-1);
}

void Training::resume_from(const std::filesystem::path& checkpoint) {
  const SafetensorsReader file(checkpoint);
  const CheckpointHeader header = read_header(file);
  const std::string changes = changes_of_config(header.config, checkpoint);
  CF_CHECK_AS(ErrorKind::Data, header.classes == train_data_->class_names(), checkpoint.string(),
              " was trained on other classes than ", config_.data.train, " holds");
  progress_ = header.progress;
  CF_CHECK_AS(ErrorKind::Usage, options_.force || progress_.steps_per_epoch == plan_.steps_per_epoch,
              checkpoint.string(), ": an epoch had ", progress_.steps_per_epoch, " steps, now it has ",
              plan_.steps_per_epoch, "; the training data has changed (--force to go on)");
  CF_CHECK_AS(ErrorKind::Usage, progress_.step <= plan_.total_steps, checkpoint.string(), " is of step ",
              progress_.step, ", train.duration is ", plan_.total_steps, " steps");
  if (!changes.empty()) log_.line("the configuration has changed, going on as --force asks:" + changes);
  load_model(file, *store_, Weights::Raw);
  const auto missing = options_.force ? MissingState::StartsAnew : MissingState::Error;
  for (const auto& line : load_optimizer(file, *store_, optimizer_, missing)) log_.line(line);
  use_algorithms(header.gemm_algorithms);
  progress_.steps_per_epoch = plan_.steps_per_epoch;
  saved_step_ = progress_.step;
  saved_seconds_ = progress_.seconds;
  for (const auto& abandoned : folder_->checkpoints.rewind(progress_.step)) {
    log_.line("a checkpoint of a later step is set aside: " + abandoned.string());
  }
  folder_->metrics.cut_after(progress_.step);
  log_.line(fmt::format("resumed from {} at step {} of {}", checkpoint.string(), progress_.step,
                        plan_.total_steps));
}

// What the first rank drew or read, on all of them.
void Training::broadcast_state() {
  if (ranks_.world() == 1) return;
  const auto broadcast = [&](auto& value) {
    static_assert(std::is_trivially_copyable_v<std::remove_reference_t<decltype(value)>>);
    ranks_.broadcast(std::as_writable_bytes(std::span(&value, 1)));
  };
  const auto broadcast_tensor = [&](const Tensor& tensor) {
    ranks_.broadcast_to_ranks(tensor, executor_->stream());
  };
  broadcast_tensor(store_->values());
  broadcast_tensor(store_->running());
  for (const auto& [name, bucket] : optimizer_.state()) broadcast_tensor(bucket);
  if (optimizer_.averages()) {
    broadcast_tensor(optimizer_.average_values());
    broadcast_tensor(optimizer_.average_running());
  }
  ranks_.wait_for_gpu([this] { executor_->synchronize(); });
  kernels::StepState state = optimizer_.read_step_state();
  broadcast(state);
  optimizer_.write_step_state(state);
  broadcast(progress_);
  broadcast(saved_step_);
  broadcast(saved_seconds_);
  std::string algorithms = kernels::gemm_algorithms();
  std::int64_t size = std::ssize(algorithms);
  broadcast(size);
  algorithms.resize(static_cast<std::size_t>(size));
  ranks_.broadcast(std::as_writable_bytes(std::span(algorithms)));
  if (!is_first()) use_algorithms(algorithms);
}

// A run that goes on elsewhere is right, but no longer bit for bit what it would have been.
void Training::use_algorithms(const std::string& algorithms) {
  if (executor_->kind() != PlaceKind::Cuda) return;
  const std::string why_not = kernels::use_gemm_algorithms(algorithms);
  if (!why_not.empty()) {
    log_.line("the algorithms of the matrix products are chosen anew: the checkpoint's are " + why_not);
  }
}

// One line per changed key; a Usage error that shows them unless --force was given.
std::string Training::changes_of_config(const Config& stored, const std::filesystem::path& checkpoint) const {
  std::string text;
  for (const auto& line : diff(stored, config_)) {
    // How many threads read images changes nothing about the run.
    if (!line.starts_with("data.threads:")) text += "\n  " + line;
  }
  CF_CHECK_AS(ErrorKind::Usage, options_.force || text.empty(), checkpoint.string(),
              ": the configuration has changed", text,
              "\n--force goes on with the new one; another --out starts a new run");
  return text;
}

bool Training::is_save_due_by_step(bool new_best) const {
  if (new_best && config_.checkpoint.keep_best > 0) return true;
  return plan_.save_steps > 0 && progress_.step % plan_.save_steps == 0;
}

bool Training::is_save_due_by_clock() const {
  return plan_.save_seconds > 0 && progress_.seconds - saved_seconds_ >= plan_.save_seconds;
}

// Copies the state; a thread of its own writes the copy while training goes on. A save before this one is on
// disk then, or has failed.
void Training::begin_save() {
  if (!is_first()) {
    saved_step_ = progress_.step;
    return;
  }
  end_save();
  require_finite_state();
  snapshot_.capture(
      {config_, train_data_->class_names(), progress_, std::string(build_id()), kernels::gemm_algorithms()},
      *store_, &optimizer_);
  saver_->begin(progress_.step, snapshot_.tensors(), snapshot_.metadata(), scores_);
  saved_seconds_ = progress_.seconds;
}

void Training::end_save() {
  if (saver_) take_outcome(saver_->wait());
}

// A save that fails is said loudly and training goes on; the third failure in a row ends the run.
void Training::take_outcome(const std::optional<BackgroundSaver::Outcome>& outcome) {
  if (!outcome) return;
  if (!outcome->failure) {
    saved_step_ = outcome->step;
    failed_saves_ = 0;
    return;
  }
  try {
    std::rethrow_exception(outcome->failure);
  } catch (const std::exception& failure) {
    log_.line(fmt::format("CHECKPOINT NOT SAVED at step {}: {}", outcome->step, failure.what()));
    const auto* error = dynamic_cast<const Error*>(&failure);
    const bool can_be_borne = error != nullptr && error->kind() == ErrorKind::Checkpoint;
    if (++failed_saves_ > kFailedSavesAllowed || !can_be_borne) throw;
  }
}

void Training::finish_save_of_failed_run() {
  try {
    end_save();
  } catch (const std::exception&) {
    // Said already; what ends the run is the error that came before.
  }
}

// What overflowed in the last update would be found in the next step only; it must not be saved.
void Training::require_finite_state() const {
  const std::int64_t last = std::max<std::int64_t>(progress_.step - 1, 0);
  require_finite(*executor_, *store_,
                 fmt::format("after step {} (epoch {}, batch {})", last, last / plan_.steps_per_epoch,
                             last % plan_.steps_per_epoch));
}

// A full disk does not end the run: there may be room again before the next checkpoint.
void Training::go_on_if_full(const char* what, const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    log_.line(fmt::format("{} NOT WRITTEN at step {}: {}", what, progress_.step, error.what()));
  }
}

std::filesystem::path Training::result() const {
  const auto folder = options_.run_folder / "checkpoints";
  const bool average_is_better = progress_.best_ema_top1 > progress_.best_top1;
  for (const char* link : {average_is_better ? "best_ema" : "best", "last"}) {
    const auto path = folder / link;
    if (std::filesystem::exists(path)) return path;
  }
  return folder;
}

}  // namespace cf::apps

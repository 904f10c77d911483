// A training run: the loop, and what happens around it at step boundaries. Of several ranks all run the loop;
// the first one reads and writes the run folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/checkpoint/checkpoint.h"
#include "apps/console/progress.h"
#include "apps/evaluate/evaluation.h"
#include "apps/execution/make_executor.h"
#include "apps/run_folder/metrics_log.h"
#include "apps/run_folder/run_log.h"
#include "apps/train/common_wish.h"
#include "apps/train/step_times.h"
#include "apps/train/train_step.h"
#include "apps/train/training_images.h"
#include "apps/train/training_plan.h"
#include "framework/parallel/communicator.h"
#include "framework/state/background_saver.h"
#include "framework/state/checkpoint_folder.h"

namespace cf::apps {

struct TrainOptions {
  std::filesystem::path run_folder;
  std::string resume = "auto";  // auto | never | a checkpoint
  bool force = false;           // resume although the configuration has changed
  double max_seconds = 0;       // save and stop after so long; 0: no limit
  DeviceOptions device;
  Communicator* ranks = &single_rank();  // that train together; the first one writes the run folder
  std::string layout;                    // of the ranks, said once; empty for one
};

// Which blocks train by fused passes, and why others do not. With model.fusion = "require" one that cannot,
// in training or in evaluation, is a Usage error.
std::string routes_text(const Config& config, layers::ConvFirstNet& net, Executor& executor);

// "a step at 224x224 12.3 GB, weights, gradients, optimizer and averages 456 MB": what the executor holds,
// and where all memory of a step is taken beforehand, that of TrainStep::prepare().
std::string memory_text(const Executor& executor, const std::optional<MemoryUse>& step, int size);

// What a run writes, log aside; one process has it.
struct RunFolder {
  explicit RunFolder(const std::filesystem::path& path, const CheckpointConfig& config);

  RunLock lock;
  CheckpointFolder checkpoints;
  MetricsLog metrics;
};

// How a run ended.
enum class TrainingEnd { Finished, Interrupted };

class Training {
 public:
  // Opens data and run folder, builds the network, and resumes where the folder holds a checkpoint.
  Training(const Config& config, const TrainOptions& options);

  // Trains to the planned end, or to a signal or the time limit, after which a checkpoint is saved.
  TrainingEnd run();

  // The best checkpoint's link, or the last one's.
  std::filesystem::path result() const;
  const TrainingProgress& progress() const { return progress_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool is_first() const { return ranks_.rank() == 0; }
  void write_run_files();
  void broadcast_state();
  void start_or_resume();
  void resume_from(const std::filesystem::path& checkpoint);
  void use_algorithms(const std::string& algorithms);
  std::string changes_of_config(const Config& stored, const std::filesystem::path& checkpoint) const;
  void train_steps();
  std::int64_t submitted_steps() const;
  bool may_submit();
  bool needs_all_finished(std::int64_t steps) const;
  bool is_evaluation_due(std::int64_t steps) const;
  void submit_step();
  void prepare_step(int size);
  void finish_step(Progress& bar);
  void count_step(const StepResult& result);
  bool evaluate_now();
  void evaluate_weights(EvalRow& row, bool average);
  void begin_save();
  void end_save();
  void finish_save_of_failed_run();
  void take_outcome(const std::optional<BackgroundSaver::Outcome>& outcome);
  void require_finite_state() const;
  void go_on_if_full(const char* what, const std::function<void()>& write);
  void decide();
  bool has_reason_to_stop() const;
  bool is_save_due_by_clock() const;
  bool is_save_due_by_step(bool new_best) const;
  void save_if_due();
  std::vector<RankTimes> times_of_ranks();
  void log_step(double lr);
  void log_epoch();
  void append_metrics(const MetricsRow& row);
  double epoch() const;
  std::string header_line() const;

  Config config_;
  TrainOptions options_;
  std::unique_ptr<data::Dataset> train_data_, val_data_;
  std::unique_ptr<Executor> executor_;
  layers::ConvFirstNet net_;
  std::unique_ptr<ParameterStore> store_;
  optim::Optimizer optimizer_;
  TrainStep step_;
  TrainingPlan plan_;
  Communicator& ranks_;
  std::optional<RunFolder> folder_;  // of the first rank
  RunLog log_;
  CheckpointContents snapshot_;           // being saved, or the last that was
  std::optional<BackgroundSaver> saver_;  // of the first rank; ends before the two

  TrainingProgress progress_;
  CheckpointScores scores_;       // of the state at progress_.step, where it was evaluated
  std::int64_t saved_step_ = -1;  // of the newest checkpoint on disk
  double saved_seconds_ = 0;      // training time when its save, or a later one, began
  int failed_saves_ = 0;          // in a row
  bool save_due_ = false, is_stopping_ = false;
  bool has_asked_to_save_ = false;  // since the newest checkpoint

  TrainingImages images_;
  StepTimes times_;
  CommonWish wish_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace cf::apps

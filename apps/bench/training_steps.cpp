#include "apps/bench/training_steps.h"

#include "apps/bench/model_benchmark.h"
#include "apps/train/training_plan.h"
#include "framework/runtime/captured_work.h"

namespace cf::apps {

namespace {

// Small enough that weights stay finite for any number of steps on random labels; it does not change what a
// step costs.
constexpr double kLearningRate = 1e-4;

}  // namespace

TrainingSteps::TrainingSteps(Executor& executor, const Config& config, Communicator& ranks)
    : executor_(executor),
      config_(config),
      net_(config.model),
      store_(net_.make_store(executor)),
      optimizer_(executor, *store_, optimizer_options(config)),
      step_(executor, net_, *store_, optimizer_, config, ranks),
      spare_(step_.most_in_flight(), synthetic_batch(config, config.train.batch / ranks.world())) {
  store_->initialise(static_cast<std::uint64_t>(config.seed));
  if (optimizer_.averages()) optimizer_.start_average();
  const int size = config.train.size.largest();
  recorded_ = step_.prepare(size, size);
  executor_.synchronize();
  last_end_ = std::chrono::steady_clock::now();
}

TrainingSteps::Step TrainingSteps::run() {
  while (step_.in_flight() < step_.most_in_flight()) {
    step_.submit(std::move(spare_.back()), submitted_++, kLearningRate);
    spare_.pop_back();
  }
  const StepResult result = step_.finish(spare_.emplace_back());
  const auto end = std::chrono::steady_clock::now();
  return {std::chrono::duration<double>(end - std::exchange(last_end_, end)).count(), result.communication};
}

std::string TrainingSteps::how_it_runs() {
  const int fused = net_.training_routes(executor_, executor_.compute_type()).fused;
  return fused == 0 ? "layer-wise" : concat(fused, " of ", net_.blocks(), " blocks fused");
}

bool TrainingSteps::in_graph() const { return CapturedWork::is_possible(executor_); }

std::int64_t TrainingSteps::reserved_bytes() const {
  return executor_.pool().use().reserved_bytes + (recorded_ ? recorded_->reserved_bytes : 0);
}

std::int64_t TrainingSteps::macs_of_image() const {
  const int size = config_.train.size.largest();
  return net_.describe(size, size).total().macs;
}

}  // namespace cf::apps

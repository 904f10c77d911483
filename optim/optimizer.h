// The rule that moves the parameters: SGD, AdamW or RMSprop over the whole bucket, as kernels/optimizer_step
// defines them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framework/parameters/parameter_store.h"
#include "kernels/optimizer_step/optimizer_step.h"

namespace cf::optim {

enum class OptimizerKind { Sgd, AdamW, Rmsprop };

// The buckets that a rule keeps from step to step, by their names in a checkpoint.
std::vector<std::string> state_names(OptimizerKind kind);

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::Sgd;
  float weight_decay = 0;
  float momentum = 0.9F;               // sgd, rmsprop
  bool nesterov = false;               // sgd
  float beta1 = 0.9F, beta2 = 0.999F;  // adamw
  float alpha = 0.99F;                 // rmsprop
  float eps = 1e-8F;                   // adamw, rmsprop
  float clip_norm = 0;                 // largest norm of the whole gradient; 0: no clipping
  float ema_decay = 0;                 // averaged weights; 0: none
  std::int64_t micro_batches = 1;      // of a step
  bool scales_loss = false;            // float16: the loss is scaled, see kernels::LossScaling
};

class Optimizer {
 public:
  Optimizer(Executor& executor, ParameterStore& store, const OptimizerOptions& options);

  // What update number `step`, counted from 1, reads of the host.
  kernels::StepScalars scalars(std::int64_t step, double learning_rate) const;

  // One update from the gradients in the store. Every parameter must have a gradient. scalars: the bytes of
  // the above, which are changed; losses: of the micro-batches [I], or empty. Nothing is changed where the
  // gradients' norm or a loss is not finite; step_state() says so. Asks nothing of the device.
  void update(const Tensor& scalars, const Tensor& losses);

  // The bytes of a kernels::StepState at the place.
  const Tensor& step_state() const { return step_state_; }
  kernels::StepState read_step_state() const;
  void write_step_state(const kernels::StepState& state);
  bool scales_loss() const { return options_.scales_loss; }

  // The gradient of a micro-batch's loss: its share in the step times the loss scale, one element [I].
  const Tensor& loss_weight() const { return loss_weight_; }

  // An update of its own, waited for. Returns the norm of the gradient before clipping.
  double step(std::int64_t step, double learning_rate);

  // The state buckets by their name in a checkpoint ("velocity", "first_moment", ...), laid out like
  // store.values().
  const std::vector<std::pair<std::string, Tensor>>& state() const { return state_; }

  // Averaged weights and running statistics; empty tensors where ema_decay is 0. They start as copies of the
  // store's when start_average is called.
  void start_average();
  const Tensor& average_values() const { return average_values_; }
  const Tensor& average_running() const { return average_running_; }
  bool averages() const { return options_.ema_decay > 0; }

  // Exchanges the model's weights and running statistics with the averages; twice is as before.
  void swap_average() { store_.swap_contents(average_values_, average_running_); }

 private:
  void decide(const Tensor& losses, kernels::StepScalars* scalars);
  std::span<const kernels::Segment> segments() const;
  void apply_rule(const kernels::StepScalars* scalars);
  void update_running(const kernels::StepScalars* scalars);
  void update_average(const kernels::StepScalars* scalars);

  Executor& executor_;
  ParameterStore& store_;
  OptimizerOptions options_;
  Tensor step_state_, segments_;  // bytes of structs of kernels/optimizer_step, in the memory of the place
  Tensor loss_weight_;
  std::vector<std::pair<std::string, Tensor>> state_;
  Tensor average_values_, average_running_;
};

}  // namespace cf::optim

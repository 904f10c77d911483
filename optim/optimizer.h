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
};

class Optimizer {
 public:
  Optimizer(Executor& executor, ParameterStore& store, const OptimizerOptions& options);

  // One update from the gradients in the store. step counts from 1. Every parameter must have a gradient.
  // Returns the norm of the gradient before clipping; where it is not finite nothing is changed.
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
  double gradient_norm();
  void write_scalars(std::int64_t step, double learning_rate);
  kernels::StepScalars* scalars() const { return static_cast<kernels::StepScalars*>(scalars_.data()); }
  std::span<const kernels::Segment> segments() const;
  void apply_rule();
  void update_average();
  void update_running();

  Executor& executor_;
  ParameterStore& store_;
  OptimizerOptions options_;
  Tensor scalars_,
      segments_;  // the bytes of a StepScalars and of the segment table, in the memory of the place
  std::vector<std::pair<std::string, Tensor>> state_;
  Tensor average_values_, average_running_;
};

}  // namespace cf::optim

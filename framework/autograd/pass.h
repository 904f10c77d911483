// One forward pass, and backward where gradients are wanted: where it runs, whether it trains, its random
// numbers. Layers take it as an argument and hold no state of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "framework/autograd/tape.h"
#include "framework/autograd/variable.h"
#include "framework/runtime/executor.h"
#include "framework/runtime/step_inputs.h"

namespace cf {

struct PassOptions {
  bool training = false;  // batch statistics, dropout, stochastic depth; gradients are recorded
  std::uint64_t seed = 0;
  std::int64_t step = 0;                            // since the start of training
  std::int64_t micro_batch = 0, micro_batches = 1;  // of the step, over all ranks
  StepInputs* inputs = nullptr;  // where the pass is recorded: takes what changes from step to step

  // Number of the micro-batch since the start of training: random numbers are drawn by it.
  std::int64_t draw(std::int64_t at_step) const { return at_step * micro_batches + micro_batch; }
  // Weight of the micro-batch in the step's loss and statistics.
  float micro_batch_share() const { return 1.0F / static_cast<float>(micro_batches); }
};

class Pass {
 public:
  Pass(Executor& executor, const PassOptions& options) : executor_(executor), options_(options) {}

  Executor& executor() { return executor_; }
  Tensor empty(DType dtype, const Shape& shape) { return executor_.empty(dtype, shape); }
  const PassOptions& options() const { return options_; }
  bool training() const { return options_.training; }
  Tape& tape() { return tape_; }

  // A tensor that `fill(step, bytes)` writes for each step anew.
  Tensor input(DType dtype, const Shape& shape, InputFill fill) {
    return step_input(executor_, options_.inputs, dtype, shape, options_.step, std::move(fill));
  }

  // The number of the micro-batch, int64 [I=1], for kernels that draw.
  const Tensor& draw();

  // A number for each place in the network that draws random numbers, in the order of the forward pass.
  std::uint64_t next_random_layer() { return random_layer_++; }

  // Gradients of everything behind `output`, given its own.
  void backward(const Variable& output, Tensor dy) { tape_.backward(*this, output.node(), std::move(dy)); }

  // Called with every op's output: its name, the parameter it used (or ""), the tensor. For finding where a
  // NaN began.
  using Inspector =
      std::function<void(std::string_view op, std::string_view parameter, const Tensor& output)>;
  void set_inspector(Inspector inspector) { inspector_ = std::move(inspector); }
  const Inspector& inspector() const { return inspector_; }

  // Called in backward behind every op, whose parameters have their gradients of this pass then.
  using BackwardObserver = std::function<void()>;
  void set_backward_observer(BackwardObserver observer) { backward_observer_ = std::move(observer); }
  const BackwardObserver& backward_observer() const { return backward_observer_; }

 private:
  Executor& executor_;
  PassOptions options_;
  Tape tape_;
  std::uint64_t random_layer_ = 0;
  Tensor draw_;
  Inspector inspector_;
  BackwardObserver backward_observer_;
};

}  // namespace cf

// One forward pass, and backward where gradients are wanted: where it runs, whether it trains, its random
// numbers. Layers take it as an argument and hold no state of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "framework/autograd/tape.h"
#include "framework/autograd/variable.h"
#include "framework/runtime/executor.h"

namespace cf {

struct PassOptions {
  bool training = false;  // batch statistics, dropout, stochastic depth; gradients are recorded
  std::uint64_t seed = 0;
  std::uint64_t draw = 0;  // number of the micro-batch since the start of training, over all ranks
  float micro_batch_share =
      1;  // 1 / micro-batches of the step over all ranks: weight in the batch statistics
};

class Pass {
 public:
  Pass(Executor& executor, const PassOptions& options) : executor_(executor), options_(options) {}

  Executor& executor() { return executor_; }
  Tensor empty(DType dtype, const Shape& shape) { return executor_.empty(dtype, shape); }
  const PassOptions& options() const { return options_; }
  bool training() const { return options_.training; }
  Tape& tape() { return tape_; }

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

 private:
  Executor& executor_;
  PassOptions options_;
  Tape tape_;
  std::uint64_t random_layer_ = 0;
  Inspector inspector_;
};

}  // namespace cf

// One optimizer step: forward and backward over the micro-batches of a batch, then the update.
#pragma once

#include <cstdint>
#include <string>

#include "apps/config/config.h"
#include "data/loader.h"
#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "framework/ops/normalize_image.h"
#include "framework/parameters/parameter_store.h"
#include "framework/runtime/executor.h"
#include "layers/convfirst_net.h"
#include "optim/optimizer.h"

namespace cf::apps {

struct StepResult {
  double loss = 0;           // mean over the batch, as trained (with smoothing)
  std::int64_t correct = 0;  // top-1, on the augmented images in training mode
  double gradient_norm = 0;  // before clipping
};

// A parameter or running statistic that is not finite is a Numeric error: WHERE, and the name of the first.
void require_finite(Executor& executor, const ParameterStore& store, const std::string& where);

class TrainStep {
 public:
  TrainStep(Executor& executor, layers::ConvFirstNet& net, ParameterStore& store, optim::Optimizer& optimizer,
            const Config& config);

  // Step number `step` (finished ones before it) on a batch of train.batch images. Batch norm sees
  // train.norm_batch images at a time. A loss or gradient that is not finite is a Numeric error that names
  // the first bad tensor, its layer, the step and the batch; the parameters are then as before the step.
  StepResult run(const data::Batch& batch, std::int64_t step, double learning_rate);

 private:
  double run_micro_batch(const data::Batch& batch, std::int64_t step, std::int64_t micro_batch,
                         StepResult& result);
  Target target_of(const data::Batch& batch, std::int64_t first);
  Variable input_of(const data::Batch& batch, std::int64_t first);
  PassOptions pass_options(std::int64_t step, std::int64_t micro_batch) const;
  [[noreturn]] void fail_not_finite(const data::Batch& batch, std::int64_t step, const StepResult& result);

  Executor& executor_;
  layers::ConvFirstNet& net_;
  ParameterStore& store_;
  optim::Optimizer& optimizer_;
  Normalization normalization_;
  kernels::LossKind loss_kind_;
  float smoothing_;
  std::uint64_t seed_;
  std::int64_t micro_batch_size_;
  std::int64_t micro_batches_;
};

}  // namespace cf::apps

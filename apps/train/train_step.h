// One optimizer step: forward and backward over the micro-batches of a batch, then the update. On a GPU the
// whole step is recorded once and replayed as one graph, and the host runs a step ahead. Of several ranks
// each takes an equal part of the micro-batches, in order; gradients, statistics and losses are those of all.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "apps/config/config.h"
#include "apps/train/batch_inputs.h"
#include "data/loader.h"
#include "framework/autograd/pass.h"
#include "framework/parallel/step_reduction.h"
#include "framework/parameters/parameter_store.h"
#include "framework/runtime/captured_work.h"
#include "framework/runtime/executor.h"
#include "framework/runtime/step_inputs.h"
#include "layers/convfirst_net.h"
#include "optim/optimizer.h"

namespace cf::apps {

struct StepResult {
  double loss = 0;           // mean over the batch, as trained (with smoothing)
  std::int64_t correct = 0;  // top-1, on the augmented images in training mode; of mixed ones the main label
  double gradient_norm = 0;  // before clipping
  double loss_scale = 1;     // in float16; a step whose gradients overflow is left out and halves it
  bool left_out = false;
  std::optional<CommunicationTimes> communication;  // of this rank, where there are several
};

// A parameter or running statistic that is not finite is a Numeric error: WHERE, and the name of the first.
void require_finite(Executor& executor, const ParameterStore& store, const std::string& where);

class TrainStep {
 public:
  TrainStep(Executor& executor, layers::ConvFirstNet& net, ParameterStore& store, optim::Optimizer& optimizer,
            const Config& config, Communicator& ranks = single_rank());

  // Steps that may be submitted and not finished: 2 where the step is a graph, else 1.
  std::size_t most_in_flight() const;

  // Makes ready for steps on images of this size: on a GPU, records the step and takes all its memory, which
  // is returned. Elsewhere nothing is to be done, and null is returned. No step may be in flight.
  std::optional<MemoryUse> prepare(int height, int width);

  // The most memory that steps and all else of the executor have held at once.
  std::int64_t peak_bytes() const;

  // Gives step number `step` (finished ones before it) on this rank's part of a batch of train.batch images
  // to the executor, which is prepared for their size. Batch norm sees train.norm_batch images at a time.
  void submit(data::Batch batch, std::int64_t step, double learning_rate);

  std::size_t in_flight() const { return submitted_.size(); }

  // Waits for the oldest submitted step. A loss or gradient that is not finite is a Numeric error that names
  // the first bad tensor, its layer, the step and the batch; the parameters are then as before the step, and
  // steps submitted after it have changed nothing. `batch` gets the batch back.
  StepResult finish(data::Batch& batch);

  // A step that is waited for.
  StepResult run(const data::Batch& batch, std::int64_t step, double learning_rate);

 private:
  struct Submitted {
    data::Batch batch;
    std::int64_t step;
    double learning_rate;
    double in_collectives = 0;  // seconds of the host while it was submitted
  };

  void compute(std::int64_t step, StepInputs* inputs);
  void compute_micro_batch(const PassOptions& options);
  PassOptions pass_options(std::int64_t step, std::int64_t micro_batch, StepInputs* inputs) const;
  std::vector<Tensor> outputs_of_step() const;
  double seconds_in_collectives() const { return ranks_of_run_.seconds_in_collectives().value_or(0); }
  StepResult read_result();
  CommunicationTimes communication_of(const std::vector<std::span<const std::byte>>& outputs) const;
  [[noreturn]] void fail_not_finite(const Submitted& failed, const StepResult& result);
  void look_for_not_finite(const Submitted& failed, const std::string& where);

  Executor& executor_;
  layers::ConvFirstNet& net_;
  ParameterStore& store_;
  optim::Optimizer& optimizer_;
  kernels::LossKind loss_kind_;
  std::uint64_t seed_;
  std::int64_t micro_batch_size_;
  std::int64_t micro_batches_;  // of all ranks
  Communicator& ranks_of_run_;
  std::int64_t own_micro_batches_, first_micro_batch_;

  Tensor losses_;                           // of the micro-batches of all ranks [I]
  Tensor label_ranks_;                      // of the labels among the logits, for the whole batch [N]
  std::optional<StepReduction> reduction_;  // where there are several ranks
  StepOutputs outputs_;
  BatchInputs batch_inputs_;
  std::unique_ptr<StepInputs> inputs_;  // where the step is a graph
  std::unique_ptr<CapturedWork> graph_;
  std::deque<Submitted> submitted_;
  const Submitted* current_ = nullptr;  // whose inputs are filled
};

}  // namespace cf::apps

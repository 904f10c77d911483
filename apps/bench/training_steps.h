// Training steps on synthetic images in host memory, as `convfirst train` takes them: on a GPU the host is a
// step ahead.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/config/config.h"
#include "apps/train/train_step.h"
#include "data/loader.h"
#include "framework/runtime/executor.h"

namespace cf::apps {

class TrainingSteps {
 public:
  // Of this rank's share of config.train.batch.
  TrainingSteps(Executor& executor, const Config& config, Communicator& ranks = single_rank());

  struct Step {
    double seconds;  // from the end of the step before, both seen from the host; of the first, from its start
    std::optional<CommunicationTimes> communication;  // of this rank, where there are several
  };

  // One whole step: the images' way to the device, forward, backward, update.
  Step run();

  // Whether steps are replayed from a CUDA graph.
  bool in_graph() const;
  // "5 of 16 blocks fused"
  std::string how_it_runs();
  // Memory held at once, and taken from the system.
  std::int64_t peak_bytes() const { return step_.peak_bytes(); }
  std::int64_t reserved_bytes() const;
  // Multiply-accumulates of one image's forward pass.
  std::int64_t macs_of_image() const;

 private:
  Executor& executor_;
  Config config_;
  layers::ConvFirstNet net_;
  std::unique_ptr<ParameterStore> store_;
  optim::Optimizer optimizer_;
  TrainStep step_;
  std::optional<MemoryUse> recorded_;  // what a recorded step holds beside the executor's own pool
  std::vector<data::Batch> spare_;     // not on their way
  std::int64_t submitted_ = 0;
  std::chrono::steady_clock::time_point last_end_;
};

}  // namespace cf::apps

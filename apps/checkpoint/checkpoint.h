// A checkpoint: one safetensors file with the model, its average, the optimizer's state and all that a
// resumed run needs.
//
//   model.NAME      parameters and running statistics, PyTorch's names and layout
//   ema.NAME        their averages, where the run averages
//   optimizer.STATE.NAME
//   __metadata__    configuration, progress, class names, build, the loss scale of float16, the
//                   algorithms of the GPU's matrix products; CRC32C of every tensor
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "apps/config/config.h"
#include "framework/parameters/parameter_store.h"
#include "framework/state/safetensors_file.h"
#include "optim/optimizer.h"

namespace cf::apps {

// Sums over the steps since the last row of metrics: a resumed run goes on with a row that was begun.
struct IntervalSums {
  std::int64_t steps = 0;
  double loss = 0, correct = 0, gradient_norm = 0;
  double seconds = 0;
};

// How far a run has come. The data position follows from `step`: the order of samples is a function of the
// seed, the epoch and the batch. Random draws are functions of the seed and the number of the micro-batch.
struct TrainingProgress {
  std::int64_t step = 0;  // finished optimizer steps
  std::int64_t steps_per_epoch = 0;
  double seconds = 0;     // of training, over all starts of the run
  double best_top1 = -1;  // of any evaluation so far; -1: none yet
  double best_ema_top1 = -1;
  IntervalSums interval;
};

struct CheckpointHeader {
  Config config;
  std::vector<std::string> classes;  // their names; empty where weights were imported without
  TrainingProgress progress;
  std::string build;
  std::string gemm_algorithms;  // see kernels/gemm/algorithm_table.h; empty where it was trained on a CPU
};

// Everything a checkpoint holds, in interchange layout: for CheckpointFolder::save and write_safetensors.
class CheckpointContents {
 public:
  CheckpointContents() = default;  // nothing
  // Model and, where not null, optimizer.
  CheckpointContents(const CheckpointHeader& header, const ParameterStore& store,
                     const optim::Optimizer* optimizer);
  // The model alone, without a prefix: what PyTorch's state dict holds.
  explicit CheckpointContents(const ParameterStore& store);

  // A copy of the state as it is now, in the place of what was held, and in the same host memory.
  void capture(const CheckpointHeader& header, const ParameterStore& store,
               const optim::Optimizer* optimizer);

  std::span<const TensorSource> tensors() const { return tensors_; }
  const Metadata& metadata() const { return metadata_; }

 private:
  void add(std::string name, Executor& executor, const Tensor& tensor, Interchange interchange);
  void add_model(const std::string& prefix, const ParameterStore& store, const Tensor& values,
                 const Tensor& running);

  std::deque<std::vector<std::byte>> bytes_;  // of tensors_, in the same order
  std::vector<TensorSource> tensors_;
  Metadata metadata_;
};

// A file without checksums is none of ours, or damaged: a Checkpoint error.
CheckpointHeader read_header(const SafetensorsReader& file);

enum class Weights { Raw, Average };

// Whether the file holds averaged weights.
bool has_average(const SafetensorsReader& file);

// Reads parameters and running statistics into the store. A file of another architecture is a Checkpoint
// error that names the first tensor that differs and both shapes.
void load_model(const SafetensorsReader& file, const ParameterStore& store, Weights weights);

// What happens to state that the file holds nothing of.
enum class MissingState {
  Error,       // of kind Checkpoint
  StartsAnew,  // zero, and averages equal to the weights
};

// Reads the optimizer's state and averages. Returns a line for each that starts anew.
std::vector<std::string> load_optimizer(const SafetensorsReader& file, const ParameterStore& store,
                                        optim::Optimizer& optimizer, MissingState missing);

}  // namespace cf::apps

// A checkpoint: one safetensors file with the model, its average, the optimizer's state and all that a
// resumed run needs.
//
//   model.NAME      parameters and running statistics, PyTorch's names and layout
//   ema.NAME        their averages, where the run averages
//   optimizer.STATE.NAME
//   __metadata__    configuration, progress, class names, build; CRC32C of every tensor
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/config/config.h"
#include "framework/parameters/parameter_store.h"
#include "framework/state/safetensors_file.h"
#include "optim/optimizer.h"

namespace cf::apps {

// How far a run has come. The data position follows from `step`: the order of samples is a function of the
// seed, the epoch and the batch. Random draws are functions of the seed and the number of the micro-batch.
struct TrainingProgress {
  std::int64_t step = 0;  // finished optimizer steps
  std::int64_t steps_per_epoch = 0;
  double seconds = 0;     // of training, over all starts of the run
  double best_top1 = -1;  // of any evaluation so far; -1: none yet
  double best_ema_top1 = -1;
  std::int64_t last_eval_step = 0;  // evaluations and saves that were due by then are done
  double last_save_seconds = 0;
};

struct CheckpointHeader {
  Config config;
  std::vector<std::string> classes;
  TrainingProgress progress;
  std::string build;
  double top1 = -1, ema_top1 = -1;  // of this very state, where it was evaluated
};

void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header,
                     const ParameterStore& store, const optim::Optimizer& optimizer);

CheckpointHeader read_header(const SafetensorsReader& file);

enum class Weights { Raw, Average };

// Whether the file holds averaged weights.
bool has_average(const SafetensorsReader& file);

// Reads parameters and running statistics into the store. A file of another architecture is a Checkpoint
// error that names the first tensor that differs and both shapes.
void load_model(const SafetensorsReader& file, const ParameterStore& store, Weights weights);

// Reads the optimizer's state and averages.
void load_optimizer(const SafetensorsReader& file, const ParameterStore& store, optim::Optimizer& optimizer);

// The tensors of model.* alone, without the prefix: what PyTorch's state dict holds.
void export_weights(const std::filesystem::path& path, const ParameterStore& store);

}  // namespace cf::apps

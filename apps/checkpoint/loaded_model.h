// A network with the weights of a checkpoint, ready to evaluate.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "apps/checkpoint/checkpoint.h"
#include "apps/execution/make_executor.h"
#include "layers/convfirst_net.h"

namespace cf::apps {

// Which weights of a checkpoint, and how to compute with them.
struct EvaluationChoices {
  std::string weights = "auto";    // raw, ema, or auto for the averages where the file has them
  std::string precision = "auto";  // what the run computed in; on a CPU, which has no other, float32
  std::string fusion = {};         // in place of the checkpoint's model.fusion; empty: that
  bool deterministic = false;      // routes of blocks from the table, see apps/inference
  DeviceOptions device = {};
};

// The options of eval and predict for them.
void add_evaluation_options(CommandLine& line, EvaluationChoices& choices);

struct LoadedModel {
  std::filesystem::path path;
  CheckpointHeader header;
  Weights weights;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<layers::ConvFirstNet> net;
  std::unique_ptr<ParameterStore> store;
};

// `path` may be a run folder: its best checkpoint, or its last where none was evaluated.
LoadedModel load_model_for_evaluation(const std::filesystem::path& path, const EvaluationChoices& choices);

// The file that `path` means: itself, or the best checkpoint of a run folder.
std::filesystem::path checkpoint_file(const std::filesystem::path& path);

}  // namespace cf::apps
